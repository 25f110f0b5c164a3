# Weights pretrained on synthetic walks. data/README.md shows how to make the walks; the configs are synthetic-walks_*.
pretrained_weights = dict(
    small='dynstg_mm::dynstg_mamba/pretrained/dynstg-mamba-small_8e_synthetic-walks-a54c297d.pth',
    small_gait13='dynstg_mm::dynstg_mamba/pretrained/dynstg-mamba-small_8e_synthetic-walks-gait13-a9f10159.pth',
    small_msnd='dynstg_mm::dynstg_mamba/pretrained/dynstg-mamba-small_8e_synthetic-walks-msnd-b848fd86.pth',
    large='dynstg_mm::dynstg_mamba/pretrained/dynstg-mamba-large_8e_synthetic-walks-e2dcab2c.pth',
    large_msnd='dynstg_mm::dynstg_mamba/pretrained/dynstg-mamba-large_8e_synthetic-walks-msnd-4d3f3ed7.pth')
