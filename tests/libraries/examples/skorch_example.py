"""skorch: a classifier and a regressor with scikit-learn's interface, in a pipeline, searched over a grid, scored and saved."""

import io
import pickle

import numpy as np
import torch
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import EarlyStopping, EpochScoring, GradientNormClipping, LRScheduler
from skorch.dataset import ValidSplit
from torch import nn

X, y = make_classification(240, 8, n_informative=5, random_state=0)
X = X.astype(np.float64)
y = y.astype(np.int64)
report = {}


class Net(nn.Module):
    def __init__(self, hidden=8, outputs=2):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, hidden), nn.ReLU(), nn.Linear(hidden, outputs)).double()
        rng = np.random.RandomState(hidden)
        with torch.no_grad():
            for p in self.parameters():
                p.copy_(torch.tensor(rng.randn(*p.shape) * 0.3))

    def forward(self, x):
        return self.body(x)


def classifier(**kwargs):
    settings = {
        "criterion": nn.CrossEntropyLoss, "max_epochs": 4, "lr": 0.1, "batch_size": 32, "iterator_train__shuffle": False, "verbose": 0,
        "train_split": ValidSplit(4, stratified=True), **kwargs,
    }  # fmt: skip
    return NeuralNetClassifier(Net, **settings)


net = classifier(
    optimizer=torch.optim.Adam,
    lr=0.02,
    callbacks=[
        EpochScoring("roc_auc", lower_is_better=False, name="auc"),
        LRScheduler(torch.optim.lr_scheduler.StepLR, step_size=3, gamma=0.5),
        GradientNormClipping(1.0),
        EarlyStopping(patience=5),
    ],
)
net.fit(X, y)
report["train"] = net.history[:, "train_loss"]
report["valid"] = net.history[:, "valid_loss"]
report["auc"] = net.history[:, "auc"]
report["probabilities"] = net.predict_proba(X)[:5].ravel().tolist()
report["right"] = int((net.predict(X) == y).sum())
net.partial_fit(X, y)
report["more"] = net.history[-1, "train_loss"]
again = pickle.loads(pickle.dumps(net))
report["pickled"] = float(abs(again.predict_proba(X) - net.predict_proba(X)).max())
file = io.BytesIO()
net.save_params(f_params=file)
file.seek(0)
fresh = classifier().initialize()
fresh.load_params(f_params=file)
report["loaded"] = float(abs(fresh.predict_proba(X) - net.predict_proba(X)).max())

pipe = Pipeline([("scale", StandardScaler()), ("net", classifier())])
search = GridSearchCV(pipe, {"net__lr": [0.02, 0.2], "net__module__hidden": [4, 8]}, cv=3, scoring="neg_log_loss", refit=True)
search.fit(X, y)
report["grid"] = search.cv_results_["mean_test_score"].tolist()
report["best"] = search.best_params_
report["scores"] = cross_val_score(classifier(module__hidden=4), X, y, cv=3).tolist()

regressor = NeuralNetRegressor(
    Net, module__outputs=1, max_epochs=3, lr=0.05, iterator_train__shuffle=False, verbose=0, optimizer__momentum=0.9, train_split=None
)
regressor.fit(X, X[:, :1] * 2)
report["regression"] = [regressor.history[:, "train_loss"], regressor.score(X, X[:, :1] * 2)]
