import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

here = Path(__file__).resolve().parent
MMCV = 'mmcv-lite>=2.0.0,<2.2.0'  # MMAction2 1.2 is made for mmcv below 2.2.0


class build_py_with_mim(build_py):
    """Put configs, weights and tools into the package as `.mim`, where MMEngine looks for those of a package."""

    shipped = ('configs', 'tools', 'model-index.yml')

    def run(self):
        super().run()
        target = (here if self.editable_mode else Path(self.build_lib)) / 'dynstg_mm/.mim'
        if target.is_dir():
            shutil.rmtree(target)
        target.mkdir(parents=True)
        for name in self.shipped:
            if self.editable_mode:  # a link to the checkout
                (target / name).symlink_to(here / name)
            elif (here / name).is_dir():
                shutil.copytree(here / name, target / name, ignore=shutil.ignore_patterns('__pycache__'))
            else:
                shutil.copy(here / name, target / name)


setup(
    name='dynstg_mm',
    version=re.search(r"__version__ = '(.+)'", (here / 'dynstg_mm/__init__.py').read_text())[1],
    description='DynSTG-Mamba for MMAction2: recognising gait disorders from skeletons',
    long_description=(here / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    packages=find_packages(include=['dynstg_mm', 'dynstg_mm.*']),
    package_data={'dynstg_mm': ['**/*.j2']},
    cmdclass=dict(build_py=build_py_with_mim),
    entry_points=dict(console_scripts=['dynstg_mm = dynstg_mm.__main__:main']),
    python_requires='>=3.10,<3.14',
    # MMEngine and mmcv are extras: `openmmlab` has the original distributions, `onedl` their continuation. Both bring
    # the modules `mmengine` and `mmcv`, so that a requirement would overwrite what is already installed.
    install_requires=[
        'torch>=2.6',
        'mmaction2>=1.2.0,<2',
        'importlib_metadata',  # imported by MMAction2, which does not declare it
        'einops',
        'filelock>=3.12',  # one call at a time in a folder of runs
        'jinja2>=3.1',  # pages
        'jsonschema>=4.18',
        'matplotlib',
        'numba>=0.62',  # the compiled kernels on the CPU
        'numpy',
        'pandas>=2',  # tables of results
        'pyyaml',  # experiment files
        'rich>=14.1',  # progress bars, one inside another
        'scikit-learn',
        'scipy>=1.15',
    ],
    extras_require={
        'openmmlab': ['mmengine>=0.10.7,<1', MMCV],
        'onedl': ['onedl-mmengine>=0.10.7,<1', 'onedl-mmcv>=2,<3'],
        'mamba': ['mamba-ssm'],
        'bvh': ['upc-pymotion>=0.3.4'],  # readers of motion capture, and of the MSND label table
        'c3d': ['c3d>=0.6'],
        'deeplabcut': ['h5py>=3.8'],  # its H5 files; the CSV files need nothing
        'xlsx': ['openpyxl'],
        # MediaPipe 0.10.14 has its pose model in the wheel and takes any NumPy; 0.10.18 to 0.10.21 need NumPy 1, and
        # later ones, the only ones for Python 3.13, come without a model.
        'video': ['av>=14', 'mediapipe==0.10.14; python_version < "3.13"'],
        'rtmlib': ['av>=14', 'rtmlib>=0.0.13', 'onnxruntime'],  # models are files of the user's
        'tensorboard': ['tensorboard'],  # TensorboardVisBackend
        'wandb': ['wandb'],  # WandbVisBackend
        'search': ['optuna>=4.2'],  # search
        'slurm': ['submitit'],  # cross-validate --launcher slurm
        'tests': ['av>=14', 'bvhio', 'crepes', 'h5py>=3.8', 'hypothesis', 'ipykernel', 'nbclient', 'optuna>=4.2',
                  'pytest', 'pytest-xdist', 'submitit', 'triton; sys_platform == "linux"'],
        'docs': ['sphinx', 'myst-parser', 'furo', 'sphinx-copybutton', 'latex2mathml'],
        'dev': ['build', 'mypy', 'pre-commit', 'ruff'],
    },
)
