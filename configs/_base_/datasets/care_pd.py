_base_ = './msnd_windows.py'

# The 13 joints that every pose estimator gives. The data set finds them by name among Human3.6M's 17 or SMPL's 24.
layout = 'gait_13'

# The benchmark's protocols on the UPDRS gait score, 0 to 3. Within a cohort, by its six folds, or the one of PD-GaM; on a
# cohort that the model has not seen, trained on the others (a fold is a cohort: 3DGait, BMCLab, PD-GaM, T-SDU-PD); and
# on people of a cohort, trained on its other people and on the other cohorts.
splits = dict(
    care_pd_lodo='care_pd_lodo',
    care_pd_bmclab='care_pd_BMCLab',
    care_pd_3dgait='care_pd_3DGait',
    care_pd_pdgam='care_pd_PD-GaM_fixed',
    care_pd_tsdu='care_pd_T-SDU-PD_loso',
    care_pd_mida_bmclab='care_pd_mida_BMCLab',
    care_pd_mida_3dgait='care_pd_mida_3DGait',
    care_pd_mida_pdgam='care_pd_mida_PD-GaM',
    care_pd_mida_tsdu='care_pd_mida_T-SDU-PD')
tasks = {task: dict(num_classes=4, dataset=dict(split=split)) for task, split in splits.items()}
task = 'care_pd_lodo'
num_classes = tasks[task]['num_classes']
fold = 0
dataset = dict(
    tasks[task]['dataset'], type='CAREPDDataset', ann_file='data/care_pd/care_pd.pkl', fold=fold, layout=layout)

# Nothing is selected on the test fold: there is no validation, and the last checkpoint is tested. Walks of 30 frames and
# more are published, so that some are shorter than a window and padded.
train_dataloader = dict(_base_.train_loader, dataset=dict(dataset, pipeline=_base_.train_pipeline))
test_dataloader = dict(_base_.test_loader, dataset=dict(dataset, test_mode=True, pipeline=_base_.test_pipeline))
test_evaluator = dict(type='GaitMetric')
test_cfg = dict(type='TestLoop')
