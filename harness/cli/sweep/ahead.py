"""Which folds of a sweep train ahead of their job's turn: as lanes of one program, or in worker processes.

Rounding makes a lane's result another than that of the same fold alone, so it has a hash of its own. A study about
bits, one that compares methods, never meets such a result unless it is asked for with ``engine.vectorize=true``.

``auto`` measures which is faster, so that what it records first may depend on what else the machine does; what it
takes from the store does not. Where lanes may be, either result of a fold serves, the one trained alone before the
lane's; elsewhere only what was trained alone.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from harness.cli.jobs.resolve import ResolvedJob
from harness.cli.sweep.elsewhere import finished
from harness.engine.lanes import Ahead
from harness.engine.workers import Unit, UnitError, Workers
from harness.plan.identity import JobIdentity, in_lanes
from harness.records import FoldResult
from harness.store.connect import Store
from harness.store.description import JobDescription
from harness.store.read import methods_of
from harness.store.runs import find_runs
from harness.store.spooling.spool import Spool, SpooledFold, SpooledJob
from harness.train.programs import Programs

CHOSEN = "engine.vectorize.chosen"


class FoldsAhead:
    """The folds that train ahead of their job's turn, and those that were lanes in an earlier run.

    Args:
        jobs: of the command.
        store: tells which methods the studies have.
        known: hashes of the folds that need no training.
        programs: of the sweep.
        say: is told what was chosen.
        quiet: called before something is timed, until nothing else of the sweep is at work.
        spool: has what is trained before its job's turn comes.
    """

    def __init__(
        self,
        jobs: Sequence[ResolvedJob],
        store: Store,
        known: Container[str],
        programs: Programs,
        say: Callable[[str], None],
        spool: Spool,
        quiet: Callable[[], None] = lambda: None,
    ) -> None:
        engine = jobs[0].engine
        self.allowed = engine.alone and _allowed(jobs, store)
        self._known, self._jobs, self._spool = known, jobs, spool
        self._spooled: dict[int, SpooledJob] = {}
        self._returned: dict[int, Mapping[int, FoldResult | UnitError]] = {}
        self._ahead: Ahead | Workers | None = None
        if self.allowed:
            missing = [(job.job, frozenset(self._missing(job))) for job in jobs]
            always = jobs[0].engine.vectorize is True
            self._ahead = Ahead(missing, programs, always=always, say=say, quiet=quiet, keep=self._keep)
        elif not engine.alone:
            units = list(self._units())
            self._ahead = Workers(units, finished(jobs, units, store, say), self._keep)

    def results(self, owner: int) -> Mapping[int, FoldResult | UnitError]:
        """Of the folds of a job that were trained ahead, by number."""
        if owner in self._returned:
            return self._returned.pop(owner)
        return {} if self._ahead is None else self._ahead.results(owner)

    def put_back(
        self, owner: int, results: Mapping[int, FoldResult | UnitError], spooled: SpooledJob | None = None
    ) -> None:
        """Keep what was given of a job whose turn is put off."""
        self._returned[owner] = results
        if spooled is not None:
            self._spooled[owner] = spooled

    def chosen(self, owner: int) -> dict[str, str]:
        """How the folds of a job that were missing were to be trained, and why, as a tag of its run."""
        found = self._ahead.chosen.get(owner) if isinstance(self._ahead, Ahead) else None
        return {} if found is None else {CHOSEN: found}

    def spooled(self, owner: int) -> SpooledJob | None:
        """What the spool has of a job whose turn comes now."""
        return self._spooled.pop(owner, None)

    def left(self) -> list[SpooledJob]:
        """What the spool has of jobs whose turn will not come."""
        return [self._spooled.pop(owner) for owner in sorted(self._spooled)]

    def _keep(self, owner: int, result: FoldResult) -> None:
        job = self._jobs[owner]
        description = as_lanes(job.description, set() if result.lanes is None else {result.fold}, {})
        if owner not in self._spooled:
            self._spooled[owner] = self._spool.open(description, resume=not job.force)
        self._spooled[owner].put(SpooledFold(result, description.identity.folds[result.fold]))

    def close(self) -> None:
        """Train no more; what is in hand is lost."""
        if isinstance(self._ahead, Workers):
            self._ahead.close()

    def _units(self) -> Iterator[Unit]:
        """What is to be trained elsewhere; a fold that two jobs share once, for the second takes it from the store."""
        asked: set[str] = set()
        for owner, job in enumerate(self._jobs):
            for fold in self._missing(job):
                hashed = job.description.identity.folds[fold]
                if job.force or hashed not in asked:
                    asked.add(hashed)
                    yield Unit(owner, fold, job.composition, hashed)

    def _missing(self, job: ResolvedJob) -> Iterable[int]:
        for fold, hashed in job.description.identity.folds.items():
            # A lane's result serves only where lanes may: `stored` gives none of them elsewhere.
            serve = (hashed, in_lanes(hashed)) if self.allowed else (hashed,)
            if job.force or not any(one in self._known for one in serve):
                yield fold

    def stored(self, job: ResolvedJob) -> set[int]:
        """Folds that the store has as lanes only."""
        if job.force or not self.allowed:
            return set()
        hashes = job.description.identity.folds.items()
        return {fold for fold, hashed in hashes if hashed not in self._known and in_lanes(hashed) in self._known}


def _allowed(jobs: Sequence[ResolvedJob], store: Store) -> bool:
    """Where nobody asked: in studies of one method only, in which no bits are compared."""
    if jobs[0].engine.vectorize != "auto":
        return jobs[0].engine.vectorize is True
    methods: dict[str, set[str]] = {}
    for job in jobs:
        methods.setdefault(job.description.study, set()).add(job.description.method)
    return all(len(names | methods_of(store, study)) == 1 for study, names in methods.items())


def tell_lanes(jobs: Sequence[ResolvedJob], store: Store, say: Callable[[str], None]) -> None:
    """Say which other methods of a study were trained as lanes: their difference from these has rounding in it."""
    known = store.experiments()
    for study in dict.fromkeys(job.description.study for job in jobs):
        own = {job.description.method for job in jobs if job.description.study == study}
        found = find_runs(store, [known[study]], kind="fold") if study in known else []
        others = sorted({run.tags.get("method", "") for run in found if "lanes" in run.tags} - own)
        if others:
            both = ",".join(sorted({*others, *own}))
            say(
                f"{study} has folds of {', '.join(others)} that were trained as one program, within rounding of each "
                f"alone: where bits matter, train them again in one command, with method={both}"
            )


def as_lanes(description: JobDescription, folds: set[int], chosen: Mapping[str, str]) -> JobDescription:
    """The description of a job of which these folds were trained as lanes, with the tag that says why."""
    description = replace(description, own_tags={**description.own_tags, **chosen})
    if not folds:
        return description
    own: JobIdentity = description.identity
    hashes = {fold: in_lanes(hashed) if fold in folds else hashed for fold, hashed in own.folds.items()}
    return replace(description, identity=replace(own, job=in_lanes(own.job), folds=hashes))
