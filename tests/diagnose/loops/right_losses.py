"""Right loops that differ in how they write the loss, or what they keep beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras import ops
from keras.losses import categorical_crossentropy
from parts import batches


def loop_of(value: Callable[..., Any]) -> Callable[..., Any]:
    """A right loop with this value of a batch: of the loss that is passed, targets and predictions."""

    def train(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
        for rows in batches(len(x), batch_size, epochs):
            with tf.GradientTape() as tape:
                found = value(loss, y[rows], model(x[rows], training=True))
            optimizer.apply(tape.gradient(found, model.trainable_variables), model.trainable_variables)

    return train


unreduced = keras.losses.CategoricalCrossentropy(reduction="none")
added = keras.losses.CategoricalCrossentropy(reduction="sum")
imported = loop_of(lambda loss, y, made: tf.reduce_mean(categorical_crossentropy(y, made)))
by_ops = loop_of(lambda loss, y, made: ops.mean(ops.categorical_crossentropy(ops.convert_to_tensor(y), made)))
by_op_arithmetic = loop_of(lambda loss, y, made: -ops.mean(ops.sum(y * ops.log(made), axis=-1)))
by_tf_nn = loop_of(lambda loss, y, made: tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(y, tf.math.log(made))))
by_tf_nn_sparse = loop_of(
    lambda loss, y, made: tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(tf.argmax(y, axis=-1), tf.math.log(made))
    )
)
averaged_for_replicas = loop_of(
    lambda loss, y, made: tf.nn.compute_average_loss(unreduced(y, made), global_batch_size=len(y))
)
summed_and_divided = loop_of(lambda loss, y, made: added(y, made) / len(y))
by_its_name = loop_of(lambda loss, y, made: tf.reduce_mean(keras.losses.get("categorical_crossentropy")(y, made)))
sparse = loop_of(lambda loss, y, made: keras.losses.SparseCategoricalCrossentropy()(tf.argmax(y, axis=-1), made))
divergence = loop_of(lambda loss, y, made: keras.losses.KLDivergence()(y, made))
weights_of_one = loop_of(lambda loss, y, made: loss(y, made, sample_weight=tf.ones(len(y))))
in_a_mapped_function = loop_of(
    lambda loss, y, made: tf.reduce_mean(
        tf.map_fn(
            lambda pair: loss(pair[0][None], pair[1][None]), (tf.constant(y), made), fn_output_signature="float32"
        )
    )
)


squared_by_hand = loop_of(lambda loss, y, made: tf.reduce_mean(tf.square(y - made)))
squared_by_ops = loop_of(lambda loss, y, made: ops.mean(ops.square(ops.subtract(made, y))))
squared_by_l2_loss = loop_of(lambda loss, y, made: 2 * tf.nn.l2_loss(y - made) / len(y))
sigmoid_of_logits = loop_of(
    lambda loss, y, made: tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(tf.constant(y), made))
)
integer_labels = loop_of(lambda loss, y, made: tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, made)))
integer_logits = loop_of(
    lambda loss, y, made: tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(tf.reshape(y, [-1]), made))
)
with_the_loss = loop_of(lambda loss, y, made: loss(y, made))


def penalties_by_hand(model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int) -> None:
    """The L2 penalty of 0.01 written out, where the model keeps it."""
    kernels = [variable for variable in model.trainable_variables if variable.path.endswith("kernel")]
    for rows in batches(len(x), batch_size, epochs):
        with tf.GradientTape() as tape:
            penalty = 0.01 * sum(tf.reduce_sum(tf.square(kernel)) for kernel in kernels)
            value = loss(y[rows], model(x[rows], training=True)) + penalty
        optimizer.apply(tape.gradient(value, model.trainable_variables), model.trainable_variables)


def weighs_rows_by_hand(
    model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int, sample_weight: Any = None
) -> None:
    for rows in batches(len(x), batch_size, epochs):
        with tf.GradientTape() as tape:
            each = categorical_crossentropy(y[rows], model(x[rows], training=True))
            value = tf.reduce_mean(sample_weight[rows] * each)
        optimizer.apply(tape.gradient(value, model.trainable_variables), model.trainable_variables)


def weighs_rows_by_keras(
    model: Any, optimizer: Any, loss: Any, x: Any, y: Any, *, batch_size: int, epochs: int, sample_weight: Any = None
) -> None:
    model.compile(optimizer=optimizer, loss=loss)
    for rows in batches(len(x), batch_size, epochs):
        model.train_on_batch(x[rows], y[rows], sample_weight=sample_weight[rows])
