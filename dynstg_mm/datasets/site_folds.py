"""Splits by where a clip is from: one site left out, sites that share people, and k people of a new site.

A site may be any field of the annotations, such as `site`, `camera`, `estimator` or `dataset`.
"""
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from dynstg_mm.datasets.folds import fold_split
from dynstg_mm.errors import DataError
from dynstg_mm.text import few

Clip = dict[str, Any]
Splits = dict[str, list[str]]


def sites_of(clips: Sequence[Clip], by: str = 'site') -> list[str]:
    """Names of the sites, in order.

    Raises:
        DataError: A clip has none, or all have the same.
    """
    for clip in clips:
        if clip.get(by) is None:
            raise DataError(f'clip {clip["frame_dir"]}: {by}: missing; expected where it is from. Add a column {by} to '
                            'the table of the conversion.')
    sites = sorted({str(clip[by]) for clip in clips})
    if len(sites) < 2:
        raise DataError(f'{by}: all clips are of {few(sites)}; expected at least two.')
    return sites


def leave_one_site_out(clips: Sequence[Clip], name: str, *, by: str = 'site') -> Splits:
    """One fold for each site, in the order of their names: trained on the other sites, and tested on this one.

    Args:
        clips: Annotations with `frame_dir`, `subject` and the field `by`.
        name: Name of the task.
        by: The field that names the site.

    Returns:
        Splits `<name>_leave_<by>_out_fold<k>_train` and `_test` -> names of their clips.

    Raises:
        DataError: A clip has no site, there is only one, or a person is at two.
    """
    return adapted_to_site(clips, name, 0, by=by)


def adapted_to_site(clips: Sequence[Clip], name: str, people: int, *, by: str = 'site', label: str = 'label',
                    seed: int = 0) -> Splits:
    """As `leave_one_site_out`, but some people of the site are trained on, and not tested.

    They are drawn from all classes in turn. More people include those that are drawn if there are fewer.

    Args:
        clips: As for `leave_one_site_out`, with the field `label`.
        name: Name of the task.
        people: How many people of each site to train on.
        by: The field that names the site.
        label: The field of the class.
        seed: Seed of the draw.

    Returns:
        Splits `<name>_leave_<by>_out_adapt<people>_fold<k>_train` and `_test` -> names of their clips.

    Raises:
        DataError: As for `leave_one_site_out`, or a site has too few people.
    """
    sites = sites_of(clips, by)
    _check_people(clips, by)
    task = f'{name}_leave_{by}_out_adapt{people}' if people else f'{name}_leave_{by}_out'
    splits: Splits = {}
    for fold, site in enumerate(sites):
        own = [clip for clip in clips if str(clip[by]) == site]
        turns = itertools.zip_longest(*_shuffled(own, [label], seed))
        drawn = set([subject for turn in turns for subject in turn if subject is not None][:people])
        tested = [clip['frame_dir'] for clip in own if clip['subject'] not in drawn]
        if not tested:
            raise DataError(f'{by} {site}: {len(drawn)} people; training on {people} of them leaves nobody to test.')
        splits[fold_split(task, fold, 'train')] = [clip['frame_dir'] for clip in clips
                                                   if str(clip[by]) != site or clip['subject'] in drawn]
        splits[fold_split(task, fold, 'test')] = tested
    return splits


def folds_at_sites(clips: Sequence[Clip], name: str, *, by: str = 'site', label: str = 'label', folds: int = 5,
                   seed: int = 0) -> Splits:
    """Folds by person at each site, at all sites, and with a site that is tested and not trained on.

    A fold tests the same people in all of these, and its models see them nowhere, so that people may be at several
    sites, as the people of several cameras are.

    Args:
        clips: Annotations with `frame_dir`, `subject`, and the fields `by` and `label`.
        name: Name of the task.
        by: The field that names the site.
        label: The field of the class, by which people are dealt to the folds.
        folds: Number of folds; fewer if a site has fewer people.
        seed: Seed of the folds.

    Returns:
        As `crossed_splits`.

    Raises:
        DataError: A clip has no site, there is only one, or a site has only one person.
    """
    sites = sites_of(clips, by)
    clips = [dict(clip, **{by: str(clip[by])}) for clip in clips]
    count = {site: len({clip['subject'] for clip in clips if clip[by] == site}) for site in sites}
    smallest = min(sites, key=count.__getitem__)
    if count[smallest] < 2:
        raise DataError(f'{by} {smallest}: 1 person; folds by person need at least 2 at every {by}.')
    number = min(folds, count[smallest])
    return crossed_splits(clips, name, by, deal_people(clips, number, by=by, label=label, seed=seed))


def crossed_splits(clips: Sequence[Clip], name: str, by: str, tested: Sequence[set[Any]]) -> Splits:
    """Splits of every fold: of each site, of all, and trained on the other sites than the one that is tested.

    Args:
        clips: Annotations with `frame_dir`, `subject` and the field `by`.
        name: Name of the task.
        by: The field that names the site.
        tested: The subjects that each fold tests, and does not train on.

    Returns:
        Splits of the tasks `<name>_<by>_<site>`, and with several sites `<name>_all_<by>s` and
        `<name>_unseen_<by>_<site>` -> names of their clips. A site that is a number has no `_` before it.
    """
    sites = sorted({clip[by] for clip in clips})
    named = {site: f'{by}{site}' if isinstance(site, int) else f'{by}_{site}' for site in sites}
    sides = {f'{name}_{named[site]}': ({site}, {site}) for site in sites}
    if len(sites) > 1:
        sides[f'{name}_all_{by}s'] = set(sites), set(sites)
        sides |= {f'{name}_unseen_{named[site]}': (set(sites) - {site}, {site}) for site in sites}
    return {fold_split(task, fold, part): [
        clip['frame_dir'] for clip in clips
        if clip[by] in seen and (clip['subject'] in people) == (part == 'test')]
        for task, parts in sides.items() for fold, people in enumerate(tested)
        for part, seen in zip(('train', 'test'), parts)}


def deal_people(clips: Sequence[Clip], folds: int, *, by: str | None = None, label: str = 'label',
                seed: int = 0) -> list[set[Any]]:
    """The people dealt to folds, so that each fold has about as many of every class, and of every site.

    Args:
        clips: Annotations with `subject` and the field `label`.
        folds: Number of folds.
        by: The field that names the site, if they are to be dealt by site as well.
        label: The field of the class.
        seed: Seed of the order within a class.

    Returns:
        The subjects of each fold.
    """
    dealt = list(itertools.chain.from_iterable(_shuffled(clips, (by, label) if by else (label, ), seed)))
    return [set(dealt[fold::folds]) for fold in range(folds)]


def _shuffled(clips: Sequence[Clip], fields: Sequence[str], seed: int) -> list[list[Any]]:
    """The people in groups with the same values of these fields, in a random order within a group."""
    groups: dict[tuple[str, ...], list[Any]] = {}
    for subject, person in sorted(_by_person(clips).items(), key=lambda item: str(item[0])):
        group = tuple(' '.join(sorted({str(clip[field]) for clip in person})) for field in fields)
        groups.setdefault(group, []).append(subject)
    drawn = np.random.default_rng(seed)
    return [[people[place] for place in drawn.permutation(len(people))] for _, people in sorted(groups.items())]


def _check_people(clips: Sequence[Clip], by: str) -> None:
    """DataError if a person is at two sites, and so would be on both sides of a split."""
    for subject, person in _by_person(clips).items():
        first = str(person[0][by])
        for clip in person:
            if str(clip[by]) != first:
                raise DataError(
                    f'clip {clip["frame_dir"]}: subject: {subject} is at {by} {clip[by]} and at {first}; a person '
                    'belongs to one side only. Give different people different names, or fold by person as well '
                    '(--same-people).')


def _by_person(clips: Sequence[Clip]) -> dict[Any, list[Clip]]:
    people: dict[Any, list[Clip]] = {}
    for clip in clips:
        people.setdefault(clip['subject'], []).append(clip)
    return people
