"""In which setting each loop is diagnosed, and what the diagnosis must name."""

from pathlib import Path

DROPOUT = ("dataset=iris", "dataset.scaling=standard", "model=iris_mlp", "model.dropout=0.3")
REGULARISED = (*DROPOUT, "model.l2=0.01")
REGRESSION = ("dataset=diabetes", "model=dense_regressor", "cv=kfold")
COMMON = ("epochs=3", "batch_size=16")
SATURATED = (*DROPOUT, "dataset.scaling=none", "initializer=random_normal", "initializer.kernel.stddev=5.0")

# Loop: (settings, causes that are named; benign ones are left out).
LOOPS: dict[str, tuple[tuple[str, ...], frozenset[str]]] = {
    "forgotten_training_flag": (DROPOUT, frozenset({"training_flag"})),
    "never_shuffled": (DROPOUT, frozenset({"shuffle"})),
    "shuffled_apart": (DROPOUT, frozenset({"row_pairing"})),
    "last_batch_lost": (DROPOUT, frozenset({"partial_batch"})),
    "vector_of_losses": (DROPOUT, frozenset({"loss_reduction"})),
    "penalties_left_out": (REGULARISED, frozenset({"regularization"})),
    "flat_targets": (REGRESSION, frozenset({"target_shape"})),
    "logits_of_probabilities": (DROPOUT, frozenset({"logits"})),
    "log_by_hand": (SATURATED, frozenset({"log_clip"})),
    "weights_minus_gradient": (DROPOUT, frozenset({"update_rule"})),
    "only_kernels": (DROPOUT, frozenset({"variables"})),
    "optimizer_each_epoch": (DROPOUT, frozenset({"optimizer_state"})),
    "applied_twice": (DROPOUT, frozenset({"optimizer_state"})),
    "another_start": (DROPOUT, frozenset({"initial_weights"})),
    "half_precision_inputs": (DROPOUT, frozenset({"dtype"})),
    "compiled_by_xla": (DROPOUT, frozenset({"jit_compile"})),
    "looks_twice": (DROPOUT, frozenset({"seed_stream"})),
    "mean_of_batches": (DROPOUT, frozenset({"metric"})),
    "metric_never_reset": (DROPOUT, frozenset({"metric"})),
    "validates_in_training_mode": (DROPOUT, frozenset({"validation_flag"})),
    "validates_on_one_batch": (DROPOUT, frozenset({"validation_subset"})),
    "weights_ignored": ((*DROPOUT, "class_weight={0: 1.0, 1: 4.0}"), frozenset({"sample_weight"})),
    "loss_never_scaled": ((*DROPOUT, "precision=mixed_float16"), frozenset({"loss_scale"})),
    "variables_in_another_order": ((*DROPOUT, "model.hidden=[4, 4]"), frozenset({"variables"})),
    "clipping_forgotten": ((*DROPOUT, "optimizer.clipnorm=0.01"), frozenset({"update_rule"})),
    "another_loss": (DROPOUT, frozenset({"other_loss"})),
    "absolute_error": (REGRESSION, frozenset({"other_loss"})),
    "smoothed_labels": (DROPOUT, frozenset({"other_loss"})),
    "weights_averaged": ((*DROPOUT, "class_weight={0: 1.0, 1: 4.0}"), frozenset({"weight_normalisation"})),
    "clipped_by_hand": (DROPOUT, frozenset({"clipping"})),
    "noise_on_gradients": (DROPOUT, frozenset({"gradient_noise"})),
    "accumulated": (DROPOUT, frozenset({"accumulation"})),
    "accumulated_and_summed": (DROPOUT, frozenset({"accumulation"})),
    "hidden_layers_frozen": (DROPOUT, frozenset({"frozen"})),
    "batches_shuffled": (DROPOUT, frozenset({"batch_order"})),
    "part_after_part": (DROPOUT, frozenset({"row_chunks"})),
    "one_epoch_less": (DROPOUT, frozenset({"epochs"})),
    "batch_of_its_own": (DROPOUT, frozenset({"batch_size"})),
    "rate_of_its_own": (DROPOUT, frozenset({"learning_rate"})),
    "back_to_the_start": (DROPOUT, frozenset({"assigned_weights"})),
    "shuffled_apart_by_import": (DROPOUT, frozenset({"row_pairing"})),
    "shuffled_apart_by_hand": (REGRESSION, frozenset({"row_pairing"})),
    "several_at_once": (DROPOUT, frozenset({"training_flag", "loss_reduction", "partial_batch", "shuffle"})),
}


def target(loop: str) -> str:
    """Where the loop is: ``file.py:function``."""
    files = (Path(__file__).parent / "loops").glob("*.py")
    (file,) = (file for file in files if f"\ndef {loop}(" in file.read_text(encoding="utf-8"))
    return f"{file}:{loop}"
