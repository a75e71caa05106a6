"""What is missing in X or y is named by its place, in words of our own."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

import losskit as lk

X = np.arange(12.0).reshape(6, 2) ** 2
HOLED = np.where(np.arange(12).reshape(6, 2) == 7, np.nan, X)
NUMBERS, LABELS = np.arange(6.0), np.array(["a", "b"] * 3, dtype=object)


@pytest.mark.parametrize(
    ("model", "X", "y", "words"),
    [
        (lk.LinearRegressor(), HOLED, NUMBERS, ("X[3, 1] = nan", "1 of 6", "fill or drop")),
        (lk.LinearRegressor(), pd.DataFrame(HOLED, columns=["age", "km"]), NUMBERS, ("X[3, 'km'] = nan",)),
        (lk.LinearRegressor(), scipy.sparse.csr_array(HOLED), NUMBERS, ("X holds nan", "1 of 11")),
        (lk.LinearRegressor(), X, np.where(NUMBERS == 4, np.inf, NUMBERS), ("y[4] = inf", "1 of 6", "drop")),
        (lk.LinearRegressor(), X, np.where(HOLED > 1e9, 0, HOLED), ("y[3] = [36.0, nan]",)),
        (lk.LinearClassifier(), X, np.where(NUMBERS == 2, None, LABELS), ("y[2] = None", "1 of 6")),
        (lk.LinearClassifier(), X, np.where(NUMBERS < 2, np.nan, NUMBERS % 2), ("y[0] = nan", "2 of 6")),
    ],
)
def test_a_missing_value_is_named_by_its_place(model, X, y, words):
    with pytest.raises(lk.DataError) as caught:
        model.fit(X, y)
    for word in words:
        assert word in str(caught.value)


def test_a_missing_value_to_predict_is_named_too():
    with pytest.raises(lk.DataError, match=r"X\[3, 1\] = nan"):
        lk.LinearRegressor().fit(X, NUMBERS).predict(HOLED)
