"""Join annotation files of several sites into one, with splits that leave a site out.

    python -m dynstg_mm join kiel=data/kiel.pkl lyon=data/lyon.pkl --by dataset --layout gait_13 --same Healthy=NM \\
        --adapt 2 5 --name gait --out data/both.pkl

Classes and joints are mapped by name. One file whose annotations have the field --by gets new splits. The splits:

    NAME_site_KIEL_fold<k>               people of one site, by person
    NAME_all_sites_fold<k>               people of all sites, by person
    NAME_unseen_site_KIEL_fold<k>        trained on the other sites, tested on new people of this one
    NAME_leave_site_out_fold<k>          one fold a site: trained on all others, tested on all of this one
    NAME_leave_site_out_adapt5_fold<k>   the same, but trained on 5 people of this site as well, who are not tested

The word site in them is that of --by. With --same-people, such as for several cameras or pose estimators, people with
equal names are the same in all files; the last two kinds are then left out.
"""
import argparse
from collections.abc import Sequence
from pathlib import Path

from dynstg_mm.commands.common import count, one_line_errors


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    from dynstg_mm.datasets.annotation_file import ORIGINS
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('files', nargs='+', metavar='[NAME=]FILE[:TASK]', help='annotation files, perhaps only the clips of a task')
    add('--by', choices=ORIGINS, default='site', help='what a site is; dataset: each file is one (default: site)')
    add('--same', nargs='+', action='extend', default=[], metavar='OLD=NEW',
        help='name of a class in a file, and its name in the new one; OLD= leaves its clips out')
    add('--classes', nargs='+', help='classes in the order of their numbers; by default in that of the files')
    add('--classes-of', nargs='+', action='append', default=[], metavar=('NAME', 'CLASS'),
        help='classes of a file, in the order of its labels, if it does not name them; may be repeated')
    add('--layout', help='skeleton to map onto, by names of joints; by default that of the first file')
    add('--folds', type=count, default=5, help='folds by person (default: 5, fewer if a site has fewer people)')
    add('--adapt', nargs='+', type=count, default=[], metavar='K', help='people of a new site to train on')
    add('--same-people', action='store_true', help='people may be at several sites')
    add('--seed', type=int, default=0, help='seed of folds and draws')
    add('--name', help='name of the task, with which splits begin; by default that of --out')
    add('--out', required=True, help='annotation file (.pkl) to write')
    args = parser.parse_args(argv)
    from dynstg_mm.datasets.named_files import class_names, named_files
    from dynstg_mm.importers.join import join_files
    with one_line_errors():
        print(join_files(
            named_files(args.files, 'files'), args.out, name=args.name or Path(args.out).stem, by=args.by,
            classes=args.classes, classes_of={key: names for key, *names in args.classes_of},
            renamed=class_names(args.same, '--same'), layout=args.layout, folds=args.folds, adapt=args.adapt,
            same_people=args.same_people, seed=args.seed))
    return 0
