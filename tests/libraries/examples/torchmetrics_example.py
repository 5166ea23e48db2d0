"""torchmetrics: measures of regression and classification, added up over batches, collected, tracked and cloned."""

import numpy as np
import torch
import torchmetrics
from torchmetrics import MeanMetric, MetricCollection, MetricTracker, classification, regression

rng = np.random.RandomState(2)
report = {}


def number(value):
    if isinstance(value, dict):
        return {k: number(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [number(v) for v in value]
    return torch.as_tensor(value).double().tolist()


def run(metric, *batches):
    for batch in batches:
        metric.update(*batch)
    return number(metric.compute())


# a range that no value leaves, ties, and three batches of different length
pairs = []
for n in (7, 12, 5):
    x = rng.rand(n) + 0.1
    pairs.append((torch.tensor(x + 0.2 * rng.rand(n)), torch.tensor(x)))
for name in (
    "MeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError", "SymmetricMeanAbsolutePercentageError",
    "WeightedMeanAbsolutePercentageError", "MeanSquaredLogError", "R2Score", "ExplainedVariance", "PearsonCorrCoef", "SpearmanCorrCoef",
    "KendallRankCorrCoef", "ConcordanceCorrCoef", "CosineSimilarity", "LogCoshError", "MinkowskiDistance", "TweedieDevianceScore",
    "RelativeSquaredError", "CriticalSuccessIndex", "NormalizedRootMeanSquaredError", "JensenShannonDivergence", "KLDivergence",
):  # fmt: skip
    kind = getattr(regression, name, None)
    if kind is None:
        continue
    arguments = {"MinkowskiDistance": (3,), "CriticalSuccessIndex": (0.5,), "TweedieDevianceScore": (1.5,)}.get(name, ())
    rows = [(p[None], y[None]) for p, y in pairs] if "Divergence" in name or name == "CosineSimilarity" else pairs
    if "Divergence" in name or name == "CosineSimilarity":
        rows = [(a[:, :5] / a[:, :5].sum(), b[:, :5] / b[:, :5].sum()) for a, b in rows]
    report[name] = run(kind(*arguments), *rows)

scores = [torch.tensor(rng.rand(n, 4)) for n in (9, 14)]
classes = [torch.tensor(rng.randint(0, 4, n)) for n in (9, 14)]
multi = [(s / s.sum(1, keepdim=True), c) for s, c in zip(scores, classes, strict=True)]
binary = [(s[:, 0], (c > 1).long()) for s, c in zip(scores, classes, strict=True)]
labels = [(s, (s.flip(0) > 0.5).long()) for s in scores]
for name in (
    "Accuracy", "Precision", "Recall", "F1Score", "Specificity", "StatScores", "ConfusionMatrix", "AUROC", "AveragePrecision", "ROC",
    "PrecisionRecallCurve", "MatthewsCorrCoef", "CohenKappa", "JaccardIndex", "HammingDistance", "CalibrationError", "HingeLoss",
    "ExactMatch", "NegativePredictiveValue", "RecallAtFixedPrecision", "SpecificityAtSensitivity",
):  # fmt: skip
    for kind, arguments, rows in (
        ("Binary", {}, binary),
        ("Multiclass", {"num_classes": 4}, multi),
        ("Multilabel", {"num_labels": 4}, labels),
    ):
        metric = getattr(classification, kind + name, None)
        if metric is None:
            continue
        fixed = {"RecallAtFixedPrecision": {"min_precision": 0.4}, "SpecificityAtSensitivity": {"min_sensitivity": 0.4}}.get(name, {})
        if name == "ExactMatch" and kind == "Multiclass":
            rows = [(torch.stack([c, c]).T, torch.stack([c, c.flip(0)]).T) for c in classes]
        report[kind + name] = run(metric(**arguments, **fixed), *rows)
        if name in ("ROC", "PrecisionRecallCurve", "AUROC", "AveragePrecision"):
            report[kind + name + "Binned"] = run(metric(**arguments, thresholds=11), *rows)

collection = MetricCollection(
    {
        "accuracy": classification.MulticlassAccuracy(4),
        "precision": classification.MulticlassPrecision(4, average="macro"),
        "recall": classification.MulticlassRecall(4, average="none"),
    },
    prefix="val_",
)
report["step"] = number(collection(*multi[0]))
report["collection"] = run(collection, multi[1])
tracker = MetricTracker(classification.MulticlassAccuracy(4), maximize=True)
for rows in multi:
    tracker.increment()
    tracker.update(*rows)
report["best"] = number(tracker.best_metric(return_step=True))
mean = MeanMetric()
mean.update(torch.tensor([1.0, 3.0]), weight=torch.tensor([2.0, 1.0]))
other = mean.clone()
other.update(7.0)
report["mean"] = [mean.compute().item(), other.compute().item(), len(mean.state_dict()), (mean + 1).compute().item()]
p = pairs[0][0].clone().requires_grad_()
torchmetrics.functional.mean_squared_error(p, pairs[0][1]).backward()
report["slope"] = p.grad.tolist()
