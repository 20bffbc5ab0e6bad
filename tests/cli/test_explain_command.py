"""`harness explain` as a user has it: trained on Iris, recorded, reused, refused."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import pytest
from command_line import Call, client, imported_by, refused, runs
from small_jobs import optimizer, small_job

from harness.analyse.shapley import every_set
from harness.cli.commands.explain import _plan as planned
from harness.cli.jobs.compose import compose
from harness.cli.jobs.relevance import without_effect
from harness.cli.jobs.resolve import ResolvedJob, resolve
from harness.cli.jobs.switches import INFLUENCING, compose_mixture
from harness.plan.folds import kfold
from harness.train.methods.tape import tape
from harness.train.models import Problem
from harness.train.precision import optimizer_in

# fit and tape_mlp differ in shuffle and regularizers (and in what they report); L2 makes the latter matter.
SETTING = (
    *("dataset=iris", "model=iris_mlp", "model.l2=0.01", "batch_size=16", "cv.folds=2", "epochs=2"),
    "gradient_statistics=false",  # half of the time to compile
)
SWITCHES = ("method.shuffle=schedule,none", "method.regularizers=true,false")


def answer(call: Call, *arguments: str) -> tuple[dict[str, object], str]:
    """What JSON on standard output says, and standard error."""
    code, out, err = call("explain", *arguments, "--format", "json")
    assert code == 0, err
    return json.loads(out), err


def plain(problem: Problem) -> keras.Model:
    """Nothing that dropout, a penalty or a flag could change."""
    return keras.Sequential(
        [keras.Input(problem.input_shape), keras.layers.Dense(problem.outputs, activation="softmax")]
    )


def artifact(store: Path, run_id: str, name: str) -> str:
    return Path(client(store).download_artifacts(run_id, name)).read_text()


def test_explains_records_and_trains_nothing_twice(call: Call, store: Path) -> None:
    told, err = answer(call, "fit", "tape_mlp", *SETTING)
    assert "4 jobs finished, 8 folds trained, 0 taken from the store" in err
    assert {share["ingredient"]: (share["from"], share["to"]) for share in told["shares"]} == {
        "shuffle": ("schedule", "none"),
        "regularizers": (True, False),
    }
    for place in range(2):
        parts = sum(share["folds"][place] for share in told["shares"])
        assert parts == pytest.approx(told["gap"]["folds"][place], rel=1e-9)
    assert [one["set"] for one in told["combinations"]] == [
        [],
        ["shuffle"],
        ["regularizers"],
        ["regularizers", "shuffle"],
    ]
    assert [one["ingredient"] for one in told["left_out"]] == ["loss_report"]

    jobs = runs(store, "job", study="explain_fit_tape_mlp")
    (first,) = [job for job in jobs if job.data.tags["method"] == "tape(regularizers=True, shuffle=schedule)"]
    mean = client(store).get_metric_history(first.info.run_id, "val/loss/mean")[-1]
    assert (mean.step, mean.value) == (2, pytest.approx(told["combinations"][0]["mean"]))

    (recorded,) = runs(store, "comparison", study="explain_fit_tape_mlp")
    assert "What makes val/loss of tape" in recorded.data.tags["mlflow.note.content"]
    assert json.loads(artifact(store, recorded.info.run_id, "explanation_val_loss.json")) == told
    assert "| `shuffle` |" in artifact(store, recorded.info.run_id, "explanation_val_loss.md")
    names = {file.path for file in client(store).list_artifacts(recorded.info.run_id)}
    stem = "explain_fit_tape_mlp-waterfall-val_loss"
    assert names == {"explanation_val_loss.json", "explanation_val_loss.md"} | {
        f"{stem}.{suffix}" for suffix in ("png", "svg", "json")
    }
    assert (store / "figures" / "explain_fit_tape_mlp" / f"{stem}.png").is_file()

    again, err = answer(call, "fit", "tape_mlp", *SETTING)
    assert "4 jobs finished, 0 folds trained, 8 taken from the store" in err
    assert again == told
    assert len(runs(store, "comparison", study="explain_fit_tape_mlp")) == 1

    # Other metrics, epochs, directions and names need no training either.
    unseen = (*SETTING, "tracking.figures=false")
    back, err = answer(call, "tape_mlp", "fit", *unseen, "--study", "back", "--epoch", "1", "--metric", "val/accuracy")
    assert "0 folds trained, 8 taken from the store" in err
    assert back["combinations"][0]["set"] == []
    assert len(runs(store, "job", study="back")) == 4
    code, out, err = call("explain", "fit", "tape_mlp", *unseen, "--permutations", "2", "--seed", "1", "--format", "md")
    assert code == 0, err
    assert out.startswith("## What makes val/loss")


def test_combinations_have_the_hashes_of_a_plain_sweep(call: Call) -> None:
    mixture = compose_mixture("fit", "tape_mlp", SETTING)
    assert mixture is not None
    mixed = resolve([mixture.combination(members, "explained") for members in every_set(["shuffle", "regularizers"])])
    swept = resolve(compose(["-m", *SETTING, "method=tape", *SWITCHES]))

    def hashes(jobs: list[ResolvedJob]) -> dict[str, dict[int, str]]:
        return {job.description.method: dict(job.description.identity.folds) for job in jobs}

    assert len(mixed) == len(swept) == 4
    assert hashes(mixed) == hashes(swept)


def test_both_directions_need_the_same_jobs(call: Call) -> None:
    found = []
    for pair in (("fit", "tape_kfold"), ("tape_kfold", "fit")):
        mixture = compose_mixture(*pair, SETTING)
        assert mixture is not None
        reduced = mixture.without({"training": "no dropout"})
        sets = every_set([switch.name for switch in reduced.switches])
        nodes = [reduced.combination(members, "x").settings["method"] for members in sets]
        found.append({json.dumps(node, sort_keys=True) for node in nodes})
        assert all(node["training"] is True for node in nodes), "left out, it is as in fit()"
    assert found[0] == found[1]
    assert len(found[0]) == 16


def test_an_experiment_gives_the_setting_and_no_sweep(call: Call) -> None:
    mixture = compose_mixture("fit", "tape_iris", ["experiment=iris_parity"])
    assert mixture is not None
    # The experiment sets shuffle=none for every method, so that it is no difference but shared.
    assert [switch.name for switch in mixture.switches] == ["training", "partial_batch", "regularizers"]
    assert mixture.combination(frozenset(), "x").settings["method"]["shuffle"] == "none"
    assert mixture.base.settings["batch_size"] == 10


@pytest.mark.slow
def test_a_method_of_the_users_own_and_more_switches_than_are_trained_exactly(call: Call, tmp_path: Path) -> None:
    (tmp_path / "method").mkdir()
    (tmp_path / "method" / "mine.yaml").write_text(
        "defaults: [tape_kfold]\nupdate: assign_sub\nvalidation_training: true\n"
        "sample_weight: false\nloss_scale: false\n"
    )
    flag = ("--config-dir", str(tmp_path))
    mixture = compose_mixture("fit", "mine", [*flag, *SETTING])
    assert mixture == compose_mixture("fit", "mine", [*SETTING, *flag])
    assert mixture is not None
    assert [switch.name for switch in mixture.switches] == list(INFLUENCING)
    sets, orders = planned(mixture, None, 0)
    assert orders is not None
    assert len(orders) == 10
    assert len(sets) <= 2 + 10 * (len(INFLUENCING) - 1)
    three = dict.fromkeys(("update", "sample_weight", "loss_scale"), "said")
    assert planned(mixture.without(three), None, 0)[1] is None
    assert planned(mixture, None, 0) == (sets, orders)
    assert planned(mixture, None, 1) != (sets, orders)


@pytest.mark.slow
def test_a_plain_sweep_trains_all_that_is_needed(call: Call, store: Path) -> None:
    for method in (("method=tape", *SWITCHES), ("method=fit,tape_mlp",)):
        code, _, err = call("run", "-m", "study=sweep", *SETTING, *method, "tracking.figures=false")
        assert code == 0, err
    code, out, err = call("explain", "fit", "tape_mlp", *SETTING, "tracking.figures=false")
    assert code == 0, err
    assert "4 jobs finished, 0 folds trained, 8 taken from the store" in err
    assert "share of the gap" in out
    assert "schedule → none" in out
    assert not (store / "figures").exists()

    def weights(study: str) -> dict[str, dict[str, str]]:
        """Digests of the final weights by method and fold."""
        found: dict[str, dict[str, str]] = {}
        for run in runs(store, "fold", study=study):
            tags = run.data.tags
            found.setdefault(tags["method"], {})[tags["fold"]] = tags["final_weights_digest"]
        return found

    swept, explained = weights("sweep"), weights("explain_fit_tape_mlp")
    ends = {name: swept.pop(name) for name in ("fit", "tape_mlp")}
    assert swept == explained
    # The empty combination has the bits of fit(), the whole one those of the loop.
    assert ends["fit"] == explained["tape(regularizers=True, shuffle=schedule)"]
    assert ends["tape_mlp"] == explained["tape(regularizers=False, shuffle=none)"]


def test_help_loads_nothing_heavy_and_names_every_option(call: Call) -> None:
    assert imported_by("explain", "--help") == set()
    _, out, _ = call("explain", "--help")
    for option in ("--metric", "--epoch", "--format", "--study", "--permutations", "--seed", "Shapley", "overrides"):
        assert option in out


def test_switches_without_effect_are_known_by_their_reason() -> None:
    names = list(INFLUENCING)
    # 104 or 105 rows in batches of 32; dropout, batch normalisation, L2
    everything = small_job(tape(), class_weight={"a": 2.0}, optimizer=optimizer_in("mixed_float16", optimizer("sgd")))
    assert without_effect(everything, names) == {}

    whole = kfold(everything.dataset.y, everything.dataset.training_rows, 0, folds=131)[:2]
    reasons = without_effect(small_job(tape(), model=plain, folds=whole, batch_size=26), names)
    assert set(reasons) == {"training", "validation_training", "regularizers", "partial_batch"} | {
        "sample_weight",
        "loss_scale",
    }
    assert reasons["partial_batch"] == "130 training rows make whole batches of 26"


def test_a_layer_of_the_users_own_may_do_otherwise_in_training() -> None:
    class Mine(keras.layers.Dense):
        pass

    def model(problem: Problem) -> keras.Model:
        return keras.Sequential([keras.Input(problem.input_shape), Mine(problem.outputs, activation="softmax")])

    assert set(without_effect(small_job(tape(), model=model), ["training", "regularizers"])) == {"regularizers"}


def test_a_penalty_on_activities_is_found() -> None:
    def model(problem: Problem) -> keras.Model:
        hidden = keras.layers.Dense(3, activity_regularizer=keras.regularizers.L2(0.1))
        output = keras.layers.Dense(problem.outputs, activation="softmax")
        return keras.Sequential([keras.Input(problem.input_shape), hidden, output])

    assert set(without_effect(small_job(tape(), model=model), ["training", "regularizers"])) == {"training"}


@pytest.mark.parametrize(
    ("arguments", "field", "received", "allowed", "fix"),
    [
        ("fitt tape_kfold", "method", "fitt", "tape_naive", "'fit'"),
        ("fit tape_kfld", "method", "tape_kfld", "tape_naive", "'tape_kfold'"),
        ("fit loops.py:train", "B", "loops.py:train", "made of ingredients", "harness trace"),
        ("custom tape", "A", "custom", "made of ingredients", "harness trace"),
        ("epochs=3 fit", "A", "epochs=3", "before all overrides", "harness explain fit"),
        ("fit tape", "A and B", "fit and tape", "differ in an ingredient", "harness run -m method=fit,tape"),
        ("fit tape_heart", "A and B", "training, regularizers", "matters in this setting", "same bits"),
        ("fit tape_naive -m", "-m", "-m", "no sweep", "leave -m out"),
        ("fit tape_naive method.training=true", "method.training", "method.training=true", "A and B name", "leave it"),
        ("fit tape_naive method=tape", "method", "method=tape", "A and B name", "leave it out"),
        ("fit tape_naive batch_size=8,16", "configuration", "batch_size", "--help", "correct the override"),
        ("fit tape_naive bach_size=8", "bach_size", "a setting", "--cfg job", "'batch_size'"),
        ("fit tape_naive --metric val/los", "--metric", "val/los", "val/accuracy", "'val/loss'"),
        ("fit tape_naive cv=none", "--metric", "val/loss", "train/accuracy", "'train/loss'"),
        ("fit tape_naive --epoch 3", "--epoch", "3", "from 1 to 2", "--epoch last"),
        ("fit tape_naive --epoch final", "--epoch", "final", "best", "--epoch last"),
        ("fit tape_naive --permutations 1", "--permutations", "1", "2 or more", "use 10"),
        ("fit tape_naive --study ../up", "study", "../up", "letters, digits", "study="),
    ],
)
def test_refused(arguments: str, field: str, received: str, allowed: str, fix: str, call: Call, empty: Path) -> None:
    setting = ("dataset=iris", "model=iris_mlp", "epochs=2")
    refused(call("explain", *arguments.split(), *setting), field, received, allowed, fix)
