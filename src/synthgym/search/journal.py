"""The record of all configurations: Optuna's journal, a file that several processes write.

Proposes configurations by the rule of BOHB (Falkner et al. 2018): a multivariate tree of Parzen
estimators of what was seen on the highest rung with enough of it, and a share at random.
"""

import json
import math
import warnings
import zlib
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from synthgym.core import resume
from synthgym.core.extras import installation

try:
    import optuna
except ModuleNotFoundError:
    needed = "A search for settings needs Optuna, which is not here"
    raise ModuleNotFoundError(f"{needed}: {installation('hpo')}.") from None
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.exceptions import ExperimentalWarning
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState, create_trial

from synthgym.core.failure import or_worst
from synthgym.core.settings import merged
from synthgym.core.spaces import nested
from synthgym.jobs import locks

COST = ("real_steps", "synthetic_steps", "updates", "seconds")
CHECKSUM = "checksum"  # of a line of the journal
TOP = 1 / 3  # of the configurations, whose values tell which settings matter
optuna.logging.set_verbosity(optuna.logging.WARNING)


class Tried(NamedTuple):
    """A configuration: its number, its settings by name, its values and costs by budget."""

    number: int
    settings: dict[str, Any]
    values: dict[int, float]
    costs: dict[int, dict[str, float]]
    ended: bool

    @property
    def sections(self) -> dict[str, Any]:
        """The settings as sections of a configuration."""
        sections: dict[str, Any] = {}
        for name, value in self.settings.items():
            sections = merged(sections, nested(name, value))
        return sections


class Lock(JournalFileOpenLock):
    """On the journal. It goes with its process, so that no crash leaves it."""

    def __init__(self, path: Path):
        self.path = path
        self.file: IO[str] | None = None

    def acquire(self) -> bool:
        self.file = open(self.path, "a")  # noqa: SIM115
        locks.lock(self.file)
        return True

    def release(self) -> None:
        assert self.file
        self.file.close()


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Whether this process alone has what `path` stands for; it is free again with the process."""
    with open(path, "a") as file:
        yield locks.lock(file, wait=False)


class Lines(JournalFileBackend):
    """Optuna's file, each line with a checksum."""

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        super().append_logs([{**log, CHECKSUM: _checksum(log)} for log in logs])

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        for log in super().read_logs(log_number_from):
            yield {name: value for name, value in log.items() if name != CHECKSUM}


def _checksum(log: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(log, sort_keys=True).encode())


def _whole(line: bytes) -> bool:
    """Whether a line is as it was written."""
    try:
        log = json.loads(line)
        return bool(log.pop(CHECKSUM) == _checksum(log))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return False


class Journal:
    """All that was tried. `space`: setting -> {kind: values}, as in a plan."""

    def __init__(self, path: Path, space: Mapping[str, Mapping[str, Any]], seed: int):
        self.space = {name: _distribution(how) for name, how in space.items()}
        self.kinds = {name: next(iter(how)) for name, how in space.items()}
        self.seed = seed
        lock = Lock(path.with_suffix(".lock"))
        lock.acquire()
        repair(path)
        lock.release()
        with quiet():
            self.storage = JournalStorage(Lines(str(path), lock_obj=lock))
            self.study = optuna.create_study(
                storage=self.storage, study_name="search", direction="maximize", load_if_exists=True
            )

    def tried(self) -> dict[int, Tried]:
        """By number."""
        every = [self._tried(trial) for trial in self._trials().values()]
        return {one.number: one for one in sorted(every, key=lambda one: one.number)}

    def configuration(
        self, number: int, random: float, given: Mapping[str, Any] | None = None
    ) -> Tried:
        """That of a number: as in the journal, or else `given`, or one that is proposed now."""
        trials = self._trials()
        if number not in trials:
            if given:
                params = {name: _encoded(given[name], kind) for name, kind in self.kinds.items()}
            else:
                params = self._proposed(number, random, list(trials.values()))
            new = create_trial(
                state=TrialState.RUNNING,
                params=params,
                distributions=self.space,
                user_attrs={"configuration": number},
            )
            self.study.add_trial(new)  # one line: it is there with its settings, or not at all
            trials = self._trials()
        return self._tried(trials[number])

    def report(self, number: int, budget: int, value: float, cost: Mapping[str, float]) -> None:
        """Record the value of a configuration after a budget, and its cost since the rung below."""
        trial = self._trials()[number]
        self.storage.set_trial_user_attr(trial._trial_id, f"cost {budget}", dict(cost))
        self.storage.set_trial_intermediate_value(trial._trial_id, budget, value)

    def end(self, number: int, whole: bool) -> None:
        """It had the whole budget, or is stopped before; does nothing where that is known."""
        trial = self._trials()[number]
        if not trial.state.is_finished():
            state = TrialState.COMPLETE if whole else TrialState.PRUNED
            value = or_worst(trial.intermediate_values[max(trial.intermediate_values)])
            self.study.tell(trial.number, value if whole else None, state=state)

    def _trials(self) -> dict[int, FrozenTrial]:
        every = self.study.get_trials(deepcopy=False)
        return {trial.user_attrs["configuration"]: trial for trial in every}

    def _tried(self, trial: FrozenTrial) -> Tried:
        values = dict(sorted(trial.intermediate_values.items()))
        return Tried(
            trial.user_attrs["configuration"],
            {name: _decoded(trial.params[name], kind) for name, kind in self.kinds.items()},
            values,
            {budget: trial.user_attrs[f"cost {budget}"] for budget in values},
            trial.state.is_finished(),
        )

    def _proposed(self, number: int, random: float, trials: list[FrozenTrial]) -> dict[str, Any]:
        """By what is known now, and the number: so a search that was killed proposes the same."""
        seed, at_random = np.random.SeedSequence([self.seed, number]).generate_state(2)
        budgets = [budget for trial in trials for budget in trial.intermediate_values]
        enough = [b for b in set(budgets) if budgets.count(b) > len(self.space)]
        sampler: optuna.samplers.BaseSampler = optuna.samplers.RandomSampler(seed=int(seed))
        if enough and at_random / 2**32 >= random:
            with quiet():
                sampler = optuna.samplers.TPESampler(
                    multivariate=True, constant_liar=True, n_startup_trials=0, seed=int(seed)
                )
        study = optuna.create_study(direction="maximize", sampler=sampler)
        for trial in trials:
            value = trial.intermediate_values.get(max(enough)) if enough else None
            value = None if value is None else or_worst(value)
            if value is not None or not trial.state.is_finished():
                study.add_trial(
                    create_trial(
                        state=TrialState.RUNNING if value is None else TrialState.COMPLETE,
                        value=value,
                        params=trial.params,
                        distributions=self.space,
                    )
                )
        return study.ask(self.space).params


def importances(tried: list[Tried], space: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Which settings decide whether a configuration is among the best third (PED-ANOVA, Watanabe
    et al. 2023): shares, which sum to 1, on the rung that most configurations were on.

    None where that cannot be said: fewer than six of them, or all of equal value.
    """
    budgets = [budget for one in tried for budget in one.values]
    budget = max(sorted(set(budgets), reverse=True), key=budgets.count)
    reached = [one for one in tried if math.isfinite(one.values.get(budget, math.nan))]
    shares: dict[str, float | None] = dict.fromkeys(space)
    if len(reached) >= 6 and len({one.values[budget] for one in reached}) > 1:
        study = optuna.create_study(direction="maximize")
        distributions = {name: _distribution(how) for name, how in space.items()}
        kinds = {name: next(iter(how)) for name, how in space.items()}
        for one in reached:
            params = {name: _encoded(one.settings[name], kind) for name, kind in kinds.items()}
            done = create_trial(
                value=one.values[budget], params=params, distributions=distributions
            )
            study.add_trial(done)
        with quiet():
            evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=TOP)
            found = optuna.importance.get_param_importances(study, evaluator=evaluator)
        shares |= found
    return {"budget": budget, "configurations": len(reached), "shares": shares}


def repair(path: Path) -> None:
    """Drop a last line that was half written when its process was killed; nothing else is lost.

    A journal that is damaged otherwise is set aside.
    """
    if path.exists():
        with open(path, "rb+") as file:
            content = file.read()
            file.truncate(content.rfind(b"\n") + 1)
        if not all(map(_whole, content.splitlines()[: content.count(b"\n")])):
            resume.set_aside(path, f"{path} is damaged: a line is not as it was written.")


@contextmanager
def quiet() -> Iterator[None]:
    """Optuna says of parts of it that they are new."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield


def _distribution(how: Mapping[str, Any]) -> BaseDistribution:
    ((kind, values),) = how.items()
    if kind == "choice":
        return CategoricalDistribution([_encoded(value, kind) for value in values])
    low, high = values
    if kind == "int":
        return IntDistribution(low, high)
    return FloatDistribution(float(low), float(high), log="log" in kind)


def _encoded(value: Any, kind: str) -> Any:
    """Choices as JSON: some are lists."""
    if kind == "choice":
        return json.dumps(value)
    return 1 - value if kind == "one_minus_log_uniform" else value


def _decoded(value: Any, kind: str) -> Any:
    if kind == "choice":
        return json.loads(value)
    return 1 - value if kind == "one_minus_log_uniform" else value
