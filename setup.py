import re
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent
MMCV = 'mmcv-lite>=2.0.0,<2.2.0'  # MMAction2 1.2 is made for mmcv below 2.2.0

setup(
    name='dynstg_mm',
    version=re.search(r"__version__ = '(.+)'", (here / 'dynstg_mm/__init__.py').read_text())[1],
    description='DynSTG-Mamba for MMAction2: recognising gait disorders from skeletons',
    long_description=(here / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    packages=find_packages(include=['dynstg_mm', 'dynstg_mm.*']),
    package_data={'dynstg_mm': ['**/*.j2']},
    entry_points=dict(console_scripts=['dynstg_mm = dynstg_mm.__main__:main']),
    python_requires='>=3.10,<3.14',
    install_requires=[
        'torch>=2.6',
        'mmaction2>=1.2.0,<2',
        'mmengine>=0.10.7,<1',
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
        'rich',  # progress bars
        'scikit-learn',
        'scipy>=1.15',
    ],
    # mmcv and mmcv-lite overwrite each other's files, so neither is a requirement: take the extra if you have none.
    extras_require={
        'mmcv-lite': [MMCV],
        'mamba': ['mamba-ssm'],
        'bvh': ['upc-pymotion>=0.3.4'],  # readers of motion capture, and of the MSND label table
        'c3d': ['c3d>=0.6'],
        'xlsx': ['openpyxl'],
        'slurm': ['submitit'],  # cross-validate --launcher slurm
        'tests': [MMCV, 'bvhio', 'hypothesis', 'pytest', 'pytest-xdist', 'submitit',
                  'triton; sys_platform == "linux"'],
    },
)
