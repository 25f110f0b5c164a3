"""Merge results on the same clips: further models, or further seeds of the same models."""
from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import pandas as pd

from dynstg_mm.benchmark.results import UNKNOWN_SEED, Facts, Results, listed
from dynstg_mm.errors import ResultsError


def merge_results(first: Results, other: Results, source: str) -> Results:
    """Merge two results that have the same seeds, or no seed in common.

    With the same seeds, a control that is in both is taken from the first results. With further seeds, the models must
    be the same.

    Args:
        first: The first results.
        other: The results to add.
        source: Where `other` is from, for error messages.

    Raises:
        ResultsError: The clips, folds, labels or classes differ, some but not all seeds are the same, a name is taken,
            or the models of further seeds differ.
    """
    if other.classes != first.classes:
        raise ResultsError(f'{source}: classes: {listed(other.classes)}; the first results have '
                           f'{listed(first.classes)}.')
    if other.target != first.target:
        ours, theirs = ('classes' if one.target is None else f'{one.target.type} {one.target.name}'
                        for one in (first, other))
        raise ResultsError(f'{source}: target: {theirs}; the first results have {ours}.')
    _check_same_clips(first.clips, other.clips, source)
    if len(first.seeds) == len(other.seeds) == 1 and UNKNOWN_SEED in (*first.seeds, *other.seeds):
        seed = first.seeds[0]  # an unknown seed counts as the same one
        other = dataclasses.replace(other, seeds=[seed], table=other.table.assign(seed=seed))
    if set(other.seeds) == set(first.seeds):
        models, seeds = _with_further_models(first, other, source), first.seeds
        other_table = other.table[~other.table.model.isin(first.models)]
    elif set(other.seeds).isdisjoint(first.seeds):
        models, seeds = _with_further_seeds(first, other, source), [*first.seeds, *other.seeds]
        other_table = other.table
    else:
        raise ResultsError(f'{source}: seeds: {listed(other.seeds)}; the first results have {listed(first.seeds)}; '
                           'expected the same seeds, or none of them. --seeds selects some of both.')
    return dataclasses.replace(
        first, seeds=seeds, models=models, table=pd.concat([first.table, other_table], ignore_index=True),
        leaking=list(dict.fromkeys([*first.leaking, *other.leaking])),
        versions=merged_versions(first.versions, other.versions), command=united(first.command, other.command, '\n'))


def merged_versions(ours: Mapping[str, str], theirs: Mapping[str, str]) -> dict[str, str]:
    """Versions that two results are from, `first or second` where they differ."""
    return {**ours, **{package: united(ours.get(package, ''), version, ' or ') for package, version in theirs.items()}}


def united(first: str, second: str, separator: str) -> str:
    """The parts of two texts, each once, joined by their separator."""
    return separator.join(dict.fromkeys(part for text in (first, second) if text for part in text.split(separator)))


def _check_same_clips(ours: pd.DataFrame, theirs: pd.DataFrame, source: str) -> None:
    only = ours.index.symmetric_difference(theirs.index, sort=False)
    if len(only):
        where = 'the first' if only[0] in ours.index else 'these'
        raise ResultsError(f'{source}: clips: {only[0]} is only in {where} results; expected the same clips in both. '
                           '--folds selects the folds that are in both.')
    theirs = theirs.loc[ours.index]
    differs = (ours != theirs[ours.columns]).any(axis=1)
    if differs.any():
        clip = differs.idxmax()
        raise ResultsError(f'{source}: clip {clip}: {_described(theirs.loc[clip])}; the first results have '
                           f'{_described(ours.loc[clip])}.')


def _described(row: pd.Series) -> str:
    return f'subject {row.subject}, label {row.label}, fold {row.fold}'


def _with_further_models(first: Results, other: Results, source: str) -> dict[str, Facts]:
    """The facts of the models of both results, which have the same seeds."""
    taken = [name for name, facts in other.models.items() if name in first.models and facts.kind != 'control']
    if taken:
        raise ResultsError(f'{source}: models: the name {taken[0]} is taken; NAME={source} puts NAME- before all '
                           'of its names.')
    return {**first.models, **{name: facts for name, facts in other.models.items() if name not in first.models}}


def _with_further_seeds(first: Results, other: Results, source: str) -> dict[str, Facts]:
    """The facts of models that were trained with further seeds."""
    if set(other.models) != set(first.models):
        raise ResultsError(f'{source}: models: {listed(other.models)} with seeds {listed(other.seeds)}; the first '
                           f'results have {listed(first.models)}; expected the same models with further seeds.')
    merged = {}
    for name, facts in first.models.items():
        more = other.models[name]
        for field in ('kind', 'config', 'options', 'members', 'over_seeds'):
            if getattr(facts, field) != getattr(more, field):
                raise ResultsError(f'{source}: models.{name}.{field}: {getattr(more, field)!r} with seeds '
                                   f'{listed(other.seeds)}; the first results have {getattr(facts, field)!r}.')
        merged[name] = dataclasses.replace(
            facts, failed=facts.failed and [*facts.failed, *(more.failed or ())] or more.failed,
            curves=None if facts.curves is None else {**facts.curves, **(more.curves or {})})
    return merged
