"""Why a script is not judged as expected, for each that was once missed; README.md lists those that still are."""

from __future__ import annotations

_MISTAKEN = (
    "the expectation is mistaken: given the output of a softmax or sigmoid layer itself, Keras's loss takes the logits "
    "behind it, with from_logits=True as with False, and only warns; the script trains rightly"
)
_SPARSE = "an embedding's gradient is sparse, and Adam's update of it was recomputed as if it were dense"
_MEANT = "what was meant is not in the script, and the verdict does not say that it could not check it"

REASONS = {
    "forward/nested_without_flag": _SPARSE,
    "loss/class_weights_ignored": "the weights that fit() hands to a train_step are not looked at",
    "loss/flat_targets_absolute": "of losses by hand that broadcast, only the squared one is told from its gradient",
    "loss/logarithm_clipped": "rows whose log is clipped have no gradient, and so do not tell which loss it is",
    "loss/logits_taken_for_probabilities": _SPARSE,
    "loss/probabilities_taken_for_logits": _MISTAKEN,
    "loss/sigmoid_twice": _MISTAKEN,
    "models/distilled_from_itself": "only the part of the loss that has a gradient is judged, a scaled cross-entropy",
    "models/gan_never_thawed": "a model of which nothing is trainable when it is first called is not observed",
    "models/gan_sigmoid_as_logits": _MISTAKEN,
    "models/language_model_three_faults": "rows that no step draws are not said to be not checked",
    "models/one_head_forgotten": "the head's variables, which have no gradient, are named as left out beside the cause",
    "models/teacher_answers_are_not_shuffled_with_the_rows": (
        "where two losses are on one output, and the second takes what was made of it, only the first one's targets "
        "are looked at"
    ),
    "models/two_inputs_torn": "a row is told by all its inputs together, of which none then comes again",
    "models/vae_divergence_left_out": "a layer that draws random numbers by tf.random cannot be run again alike",
    "report/batches_of_one": _MEANT,
    "report/error_squared_for_classes": _MEANT,
    "report/inputs_not_scaled": _MEANT,
    "report/mean_of_unequal_batches": "printed numbers are not observed, and the verdict does not say so",
    "report/metric_never_reset": "printed numbers are not observed, and the verdict does not say so",
    "report/rate_falls_each_step": _MEANT,
    "report/validated_on_one_batch": _MEANT,
    "rows/chunk_after_chunk": "epochs over one part of the data after another are taken for one long epoch",
    "rows/split_reshuffled": "its split differs in each run; where all rows come to be trained on, none looks leaked",
    "rows/whole_number_of_batches": "rows that no step draws are not said to be not checked",
    "update/first_weights_each_epoch": "weights set between two epochs are not noticed",
    "update/fold_keeps_momentum": "weights set between two folds are not noticed",
    "update/schedule_bypassed": _MEANT,
}
