"""Returns of shape (n,) minus critic values of shape (n, 1) make an n by n table, so each value is fitted to all returns.

source: PacktPublishing/Deep-Reinforcement-Learning-Hands-On#33
causes: target_shape
"""
import keras
import numpy as np
import tensorflow as tf
from keras import layers

STATE, ACTIONS, BATCH = 6, 3, 64


def logged_play(count, rng):
    """States, the random actions that were tried in them, what those paid, and what each action would pay."""
    states = rng.normal(size=(count, STATE)).astype("float32")
    taste = np.random.default_rng(100).normal(size=(STATE, ACTIONS))
    pay = np.tanh(states @ taste).astype("float32")
    actions = rng.integers(0, ACTIONS, size=count)
    returns = pay[np.arange(count), actions] + 0.1 * rng.normal(size=count)
    return states, actions, returns.astype("float32"), pay


def network(outputs):
    return keras.Sequential([keras.Input((STATE,)), layers.Dense(32, activation="relu"), layers.Dense(outputs)])


class ActorCritic:
    def __init__(self):
        self.actor, self.critic = network(ACTIONS), network(1)
        self.actor_opt = keras.optimizers.Adam(2e-3)
        self.critic_opt = keras.optimizers.Adam(4e-3)
        self.policy_loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.value_loss = keras.losses.MeanSquaredError()

    @tf.function
    def learn(self, states, actions, returns):
        with tf.GradientTape() as tape:
            values = self.critic(states, training=True)
            critic_loss = tf.reduce_mean(tf.square(returns - values))  # fixed: critic_loss = self.value_loss(returns[:, None], values)
        grads = tape.gradient(critic_loss, self.critic.trainable_variables)
        self.critic_opt.apply_gradients(zip(grads, self.critic.trainable_variables))

        advantage = returns - tf.squeeze(values, axis=-1)
        with tf.GradientTape() as tape:
            logits = self.actor(states, training=True)
            actor_loss = self.policy_loss(actions, logits, sample_weight=tf.exp(advantage))
        grads = tape.gradient(actor_loss, self.actor.trainable_variables)
        self.actor_opt.apply_gradients(zip(grads, self.actor.trainable_variables))
        return critic_loss, actor_loss


if __name__ == "__main__":
    keras.utils.set_random_seed(8)
    rng = np.random.default_rng(8)
    states, actions, returns, _ = logged_play(750, rng)
    new_states, _, new_returns, new_pay = logged_play(250, rng)
    agent = ActorCritic()
    for epoch in range(8):
        order = rng.permutation(len(states))
        for at in range(0, len(order), BATCH):
            rows = order[at:at + BATCH]
            critic_loss, actor_loss = agent.learn(*(tf.constant(a[rows]) for a in (states, actions, returns)))
        chosen = agent.actor.predict(new_states, verbose=0).argmax(axis=1)
        val = float(agent.value_loss(new_returns[:, None], agent.critic.predict(new_states, verbose=0)))
        print(f"epoch {epoch}: critic {float(critic_loss):.3f} actor {float(actor_loss):.3f} val critic {val:.3f} "
              f"reward {new_pay[np.arange(len(chosen)), chosen].mean():.3f}")
