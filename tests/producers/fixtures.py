"""Copies the cases that ``make test`` has as fixtures from $CASES to tests/importing/fixtures/, cut to
100 rows: ``CASES=reports/artifacts python -m tests.producers.fixtures``.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np

FIXTURES = Path(__file__).parents[1] / "importing" / "fixtures"
ROWS = 100
MAX_BYTES = 24_000

CASES = (
    *("logreg", "lda", "small_svc", "small_svc_platt", "small_svc_words", "small_forest", "small_gradient"),
    *("small_xgboost", "small_lightgbm", "small_catboost", "small_float64_forest", "small_pipeline_forest"),
    *("pipeline_logreg", "pipeline_div_logreg", "pipeline_none", "columns_logreg", "seven_logreg"),
    *("seven_whole_logreg", "seven_old_names", "scaled_twice_on_purpose", "cannot_be_told", "told_raw"),
    *("none_but_needed", "words_rain_logreg", "words_yes_logreg", "words_unknown", "words_told"),
    *("numbers_plus_minus_logreg", "numbers_one_two_logreg", "numbers_odd", "class_0_is_rain"),
    *("rain_label_of_none", "zipmap_columns_logreg", "no_zipmap_logreg", "batch_of_one_logreg"),
    *("three_classes", "three_outputs", "probability_first", "no_logits", "reversed_columns"),
    *("reversed_columns_told", "reversed_columns_words", "form_joblib_plain_named", "form_joblib_xz"),
    *("names_half_wrong", "small_names_mixed", "unit_humidity_percent", "unit_kelvin", "net_sigmoid"),
    *("net_sigmoid_and_label", "net_softmax", "net_logit", "net_logit_told", "net_two_logits_told"),
    *("net_fixed_reshape", "net_scaling_folded", "net_seven_mixed", "net_seven_anonymous", "net_nan"),
    *("small_catboost_one_two", "small_xgboost_softprob", "small_xgboost_regressor", "small_svc_columns"),
    *("small_only_scales", "small_robust_none", "words_within", "words_other_script"),
    *("words_other_script_told", "bool_told", "sgd_log", "columns_passthrough"),
    *("net_depends_on_batch", "net_noisy", "net_weights_beside", "net_weights_missing"),
)


def main() -> None:
    """Copy them all; a case that is too large to be committed is left out and said so."""
    source = Path(os.environ["CASES"])
    shutil.rmtree(FIXTURES, ignore_errors=True)
    FIXTURES.mkdir()
    for name in CASES:
        folder = source / name
        size = sum(path.stat().st_size for path in folder.glob("*") if path.suffix not in (".npy", ".json"))
        if not folder.exists() or size > MAX_BYTES:
            print(f"{name} left out: {size:,} bytes")
            continue
        shutil.copytree(folder, FIXTURES / name, ignore=shutil.ignore_patterns("x.npy"))
        for answers in (FIXTURES / name).glob("*.npy"):
            np.save(answers, np.load(answers)[:ROWS])
    np.save(FIXTURES / "rows.npy", np.load(source / "logreg" / "x.npy")[:ROWS])


if __name__ == "__main__":
    main()
