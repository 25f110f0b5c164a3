"""`python -m dynstg_mm COMMAND`: the command line tools, wherever the package is installed."""
import difflib
import importlib
import sys
from collections.abc import Sequence

COMMANDS = {
    'train': 'train a model from a config',
    'test': 'test a checkpoint, and write every clip\'s scores',
    'predict': 'ask a trained model about recordings',
    'cross-validate': 'train and test configs on all folds with several seeds',
    'search': 'search options of a config on inner folds (Optuna)',
    'report': 'compare tested models: tables, a page and a picture',
    'fuse': 'fuse the scores of several streams or models on one test split',
    'ablation': 'measure what each element of a model is worth, on one or several tasks',
    'robustness': 'test trained models on corrupted recordings',
    'convert': 'convert your own recordings to one annotation file',
    'join': 'join annotation files of several sites, and leave one out',
    'keypoints': 'find the keypoints of videos, and draw skeletons as videos',
    'gait-parameters': 'measure gait parameters of recordings: cadence, speed, step length, ...',
    'audit': 'check an annotation file and its splits',
    'koa-pd-nm': 'convert the KOA-PD-NM data set',
    'msnd': 'convert the MSND data set',
    'acted-gait': 'convert the acted pathological gaits by Kinect',
    'care-pd': 'convert the CARE-PD data set: Parkinson\'s disease at several sites',
    'actions': 'convert MSR Action3D, UTD-MHAD or UTKinect: actions by Kinect',
    'pd-walk': 'convert the PD-Walk data set',
    'ataxia': 'convert the Auto-Gait (ataxia) data set',
    'synthetic-gait': 'generate synthetic walks',
    'release': 'make the weights of a task: cross-validate, train on everybody, calibrate',
    'publish-student': 'extract the student from a distilled checkpoint',
    'upgrade-checkpoint': 'rename the parameters of a checkpoint of dynstg_mm 0.1',
    'plot-filters': 'draw the movement phases and graphs of a model',
    'check-phases': 'measure whether movement phases follow the gait cycle',
    'check-explanations': 'check whether the explanations of a model are true',
    'check-doubts': 'measure how often predict doubts recordings',
    'check-answers': 'measure answers about people left out of the training',
    'make-tables': 'regenerate the tables in the docs from the published results',
    'benchmark': 'measure speed and memory of the models and the scan',
    'benchmark-data': 'measure how fast the data of a config are loaded',
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that the first argument names.

    Args:
        argv: The arguments, by default those of the process.

    Returns:
        The exit status.
    """
    name, *arguments = list(sys.argv[1:] if argv is None else argv) or ['--help']
    if name in ('-h', '--help'):
        width = max(map(len, COMMANDS))
        print('usage: dynstg_mm COMMAND [options]\n\ncommands (COMMAND -h shows the options):')
        print('\n'.join(f'  {command:{width}}  {summary}' for command, summary in COMMANDS.items()))
        return 0
    name = name.replace('_', '-')
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=3) or list(COMMANDS)
        print(f'error: {name}: no such command; expected {", ".join(near)} (dynstg_mm -h lists all).', file=sys.stderr)
        return 2
    sys.argv[0] = f'dynstg_mm {name}'  # what the command's usage line shows
    try:
        return importlib.import_module(f'dynstg_mm.commands.{name.replace("-", "_")}').main(arguments)
    except KeyboardInterrupt:  # while it imports; later, the command itself says what to do
        print('stopped', file=sys.stderr)
        return 130


if __name__ == '__main__':
    raise SystemExit(main())
