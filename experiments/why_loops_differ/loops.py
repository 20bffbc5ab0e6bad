"""Training loops as people write them, each with something that makes it train unlike ``fit()``.

Written from the descriptions of public issues; the docstrings say which. Diagnose one with

    harness trace fit experiments/why_loops_differ/loops.py:forgotten_training_flag model=small_cnn
"""

import keras
import numpy as np
import tensorflow as tf


def forgotten_training_flag(model, optimizer, loss, x, y, *, batch_size, epochs):
    """tensorflow 38596: accuracy differs between fit() and a loop; the model has dropout."""
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows]))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def never_shuffled(model, optimizer, loss, x, y, *, batch_size, epochs):
    """tensorflow 31184: the loop reads the same batches in the same order in every epoch."""
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(batch_size)
    for _ in range(epochs):
        for images, labels in batches:
            with tf.GradientTape() as tape:
                value = loss(labels, model(images, training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def shuffled_apart(model, optimizer, loss, x, y, *, batch_size, epochs):
    """Rows and targets are shuffled by two different permutations."""
    generator = np.random.default_rng(1)
    for _ in range(epochs):
        images, labels = x[generator.permutation(len(x))], y[generator.permutation(len(y))]
        for start in range(0, len(x), batch_size):
            part = slice(start, start + batch_size)
            with tf.GradientTape() as tape:
                value = loss(labels[part], model(images[part], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def last_batch_lost(model, optimizer, loss, x, y, *, batch_size, epochs):
    """The number of steps is a whole-number division, so the last, smaller batch is never seen."""
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for step in range(len(x) // batch_size):
            rows = order[step * batch_size : (step + 1) * batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def vector_of_losses(model, optimizer, loss, x, y, *, batch_size, epochs):
    """tensorflow 40391: a loss function gives one value a row, and the tape sums what it gets."""
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                values = tf.keras.losses.categorical_crossentropy(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(values, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def penalties_left_out(model, optimizer, loss, x, y, *, batch_size, epochs):
    """tensorflow 33898: kernel_regularizer has no effect in the loop; model.losses is not in its loss."""

    @tf.function
    def step(images, labels):
        with tf.GradientTape() as tape:
            value = loss(labels, model(images, training=True))
        gradients = tape.gradient(value, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))

    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            step(tf.constant(x[rows]), tf.constant(y[rows]))


def flat_targets(model, optimizer, loss, x, y, *, batch_size, epochs):
    """tensorflow 41957: y of shape (n,) minus predictions of shape (n, 1) is an n by n matrix."""
    targets = y.ravel()
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = tf.reduce_mean(tf.square(targets[rows] - model(x[rows], training=True)))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def logits_of_probabilities(model, optimizer, loss, x, y, *, batch_size, epochs):
    """The model ends in softmax, and the loss applies softmax again."""
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                outputs = model(x[rows], training=True)
                value = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(y[rows], outputs))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def log_by_hand(model, optimizer, loss, x, y, *, batch_size, epochs):
    """tensorflow 35585: a cross-entropy written out, whose clipped log has no gradient once it saturates."""
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                outputs = tf.clip_by_value(model(x[rows], training=True), 1e-7, 1 - 1e-7)
                value = -tf.reduce_mean(tf.reduce_sum(y[rows] * tf.math.log(outputs), axis=-1))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def weights_minus_gradient(model, optimizer, loss, x, y, *, batch_size, epochs):
    """The update is written by hand: no momentum, no clipping, no schedule, whatever is configured."""
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            for variable, gradient in zip(model.trainable_variables, tape.gradient(value, model.trainable_variables)):
                variable.assign_sub(0.01 * gradient)


def only_kernels(model, optimizer, loss, x, y, *, batch_size, epochs):
    """A list of variables made by hand forgets the biases."""
    kernels = [variable for variable in model.trainable_variables if "kernel" in variable.path]
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            optimizer.apply_gradients(zip(tape.gradient(value, kernels), kernels))


def optimizer_each_epoch(model, optimizer, loss, x, y, *, batch_size, epochs):
    """keras 15760: an optimizer made inside the loop forgets its moments at every epoch."""
    settings = optimizer.get_config()
    for _ in range(epochs):
        fresh = type(optimizer).from_config(settings)
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            fresh.apply_gradients(zip(gradients, model.trainable_variables))


def applied_twice(model, optimizer, loss, x, y, *, batch_size, epochs):
    """apply_gradients stands in the step and again in the loop around it."""

    def step(images, labels):
        with tf.GradientTape() as tape:
            value = loss(labels, model(images, training=True))
        gradients = tape.gradient(value, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        return gradients

    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            gradients = step(x[rows], y[rows])
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def another_start(model, optimizer, loss, x, y, *, batch_size, epochs):
    """The loop draws the initial weights anew before it begins."""
    for variable in model.trainable_variables:
        variable.assign(tf.random.normal(variable.shape, stddev=0.1))
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def half_precision_inputs(model, optimizer, loss, x, y, *, batch_size, epochs):
    """The rows go through float16 to save memory."""
    rows_16 = x.astype(np.float16)
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(rows_16[rows], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def compiled_by_xla(model, optimizer, loss, x, y, *, batch_size, epochs):
    """A step compiled with jit_compile=True against a fit() without."""

    @tf.function(jit_compile=True)
    def step(images, labels):
        with tf.GradientTape() as tape:
            value = loss(labels, model(images, training=True))
        gradients = tape.gradient(value, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))

    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            step(tf.constant(x[rows]), tf.constant(y[rows]))


def looks_twice(model, optimizer, loss, x, y, *, batch_size, epochs):
    """A second forward pass in training mode, only to print the accuracy, moves the dropout seeds."""
    accuracy = keras.metrics.CategoricalAccuracy()
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
            accuracy.update_state(y[rows], model(x[rows], training=True))


def mean_of_batches(model, optimizer, loss, x, y, *, batch_size, epochs):
    """tensorflow 28901: training is the same, but the printed loss is a plain mean of unequal batches."""
    history = {"loss": []}
    for _ in range(epochs):
        order, losses = np.random.permutation(len(x)), []
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
            losses.append(float(value))
        history["loss"].append(float(np.mean(losses)))
    return history


def metric_never_reset(model, optimizer, loss, x, y, *, batch_size, epochs):
    """tensorflow 40323: the metric goes on from epoch to epoch because reset_state() is missing."""
    history, meter = {"loss": []}, keras.metrics.Mean()
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
            meter.update_state(value, sample_weight=len(rows))
        history["loss"].append(float(meter.result()))
    return history


def validates_in_training_mode(model, optimizer, loss, x, y, *, batch_size, epochs, validation_data=None):
    """keras 19341: validation is worse than fit()'s because dropout is still active in it."""
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        model(validation_data[0], training=True)


def validates_on_one_batch(model, optimizer, loss, x, y, *, batch_size, epochs, validation_data=None):
    """The validation loop breaks off after its first batch."""
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        model(validation_data[0][:batch_size], training=False)


def weights_ignored(model, optimizer, loss, x, y, *, batch_size, epochs, sample_weight=None):
    """tensorflow 57392: fit() was given class weights, and the loop has nowhere to put them."""
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def loss_never_scaled(model, optimizer, loss, x, y, *, batch_size, epochs):
    """Under mixed_float16 fit() multiplies the loss by a scale that the optimizer takes out again."""
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def variables_in_another_order(model, optimizer, loss, x, y, *, batch_size, epochs):
    """Gradients are taken layer by layer from the front and applied from the back; the shapes happen to fit."""
    first, second = (
        [variable for variable in model.trainable_variables if f"hidden_{number}" in variable.path] for number in (1, 2)
    )
    rest = [variable for variable in model.trainable_variables if "hidden" not in variable.path]
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(value, [*first, *second, *rest])
            optimizer.apply_gradients(zip(gradients, [*second, *first, *rest]))


def clipping_forgotten(model, optimizer, loss, x, y, *, batch_size, epochs):
    """The loop makes an optimizer of its own, without the clipping that fit() was compiled with."""
    own = keras.optimizers.Adam(0.001)
    for _ in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            with tf.GradientTape() as tape:
                value = loss(y[rows], model(x[rows], training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            own.apply_gradients(zip(gradients, model.trainable_variables))


def several_at_once(model, optimizer, loss, x, y, *, batch_size, epochs):
    """tensorflow 46782: no shuffle, no training flag, a vector of losses and no last batch, all together."""
    for _ in range(epochs):
        for step in range(len(x) // batch_size):
            part = slice(step * batch_size, (step + 1) * batch_size)
            with tf.GradientTape() as tape:
                values = tf.keras.losses.categorical_crossentropy(y[part], model(x[part]))
            gradients = tape.gradient(values, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
