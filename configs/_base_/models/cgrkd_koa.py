# The method and its teacher on KOA-PD-NM; a config adds the student.
teacher = 'dynstg-mamba-large-pretrained_1xb16-joint-w64-30e_koa-keypoint-2d'
cgrkd = dict(
    type='CGRKD',  # or LogitKD, FitNet, RKD
    teacher=f'dynstg_mm::dynstg_mamba/{teacher}.py',
    teacher_ckpt=f'work_dirs/{teacher}{{task_folder}}/epoch_30.pth')
