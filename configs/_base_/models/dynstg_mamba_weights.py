# Weights pretrained on synthetic walks. data/README.md shows how to make the walks; the configs are synthetic-walks_*.
pretrained_weights = dict(
    small='dynstg_mm::dynstg_mamba/pretrained/dynstg-mamba-small_8e_synthetic-walks-7574252a.pth',
    small_gait13='dynstg_mm::dynstg_mamba/pretrained/dynstg-mamba-small_8e_synthetic-walks-gait13-980bb414.pth',
    small_msnd='dynstg_mm::dynstg_mamba/pretrained/dynstg-mamba-small_8e_synthetic-walks-msnd-8bce0719.pth',
    large='dynstg_mm::dynstg_mamba/pretrained/dynstg-mamba-large_8e_synthetic-walks-b5007f18.pth',
    large_msnd='dynstg_mm::dynstg_mamba/pretrained/dynstg-mamba-large_8e_synthetic-walks-msnd-8ea091bb.pth')
