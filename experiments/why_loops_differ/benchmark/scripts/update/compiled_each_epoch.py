"""compile() stands in the epoch loop, with an optimizer made anew; fit() runs for one epoch at a time.

source: pythoncymetric/cymetric#4
causes: optimizer_state
"""

import numpy as np
from tensorflow import keras

rng = np.random.default_rng(23)
points = rng.normal(size=(128, 5)).astype("float32")
values = (points[:, :1] ** 2 - points[:, 1:2]).astype("float32")

model = keras.Sequential([keras.layers.Dense(20, activation="gelu"), keras.layers.Dense(1)])
model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")

history = []
for epoch in range(5):
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")  # fixed-out
    order = rng.permutation(128)
    result = model.fit(points[order], values[order], batch_size=16, epochs=1, verbose=0)
    history.append(result.history["loss"][0])
    print(f"epoch {epoch}: {history[-1]:.4f}")
