"""Fits a network of scikit-learn to its handwritten digits. Run by hand: python3 train.py"""

import pondersweep
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

p = pondersweep.parameters(learning_rate=0.001, hidden=32, optimiser="adam")
digits = load_digits()
# The same split in every trial; what differs between seeds is training.
training, test, labels, expected = train_test_split(
    digits.data / 16, digits.target, test_size=0.3, random_state=0
)
network = MLPClassifier(
    hidden_layer_sizes=(p["hidden"],),
    learning_rate_init=p["learning_rate"],
    solver=p["optimiser"],
    random_state=pondersweep.seed(32),
)
for epoch in range(1, 21):
    network.partial_fit(training, labels, classes=range(10))
    pondersweep.report(
        step=epoch,
        accuracy=accuracy_score(expected, network.predict(test)),
        loss=log_loss(expected, network.predict_proba(test)),
    )
