"""The text of a softmax's kernel for a few classes and a label a row: many rows a vector, class by class written out.

The strips' loops are apart, each small enough for the registers, its chain of operations short: scores, exponentials,
rows in three steps, gradients. Between them stand arrays with one class after the other, so vectors are loaded as they
were stored, and nothing is gathered by label: a vector made of scalars just stored would wait for the memory at each
turn.
"""

from __future__ import annotations

from collections.abc import Callable

NEAR = -707.0  # where no score of a row lies further below the highest, all exponentials are normal numbers
STRIP = 64  # rows
_SPACES = (
    "at_", "outer_", "own_", "weight_", "m_", "gap_", "base_", "peak_", "lack_", "rest_", "x_", "log_sum_",
    "factor_", "pull_", "slope_",
)  # fmt: skip
_LOOP = "for r_ in range(n_):"


def strips(k: int, phi: str, linear: bool) -> list[str]:
    """The lines that do all blocks, for `k` classes.

    `phi` is the text of the formula and its parameters; where it is `linear` a plain sum takes one logarithm for
    several rows.
    """
    return [
        f"    {', '.join(_SPACES)}, e_, pair_ = {f'space({STRIP}), ' * len(_SPACES)}space({STRIP * k}), space(2)",
        "    for block in range(first_, last_):",
        "        pair_[0] = pair_[1] = 0.0",
        "        outside_ = 0",
        "        end_ = min((block + 1) * int(block_), rows_)",
        f"        for start_ in range(block * int(block_), end_, {STRIP}):",
        f"            n_ = min({STRIP}, end_ - start_)",
        *(f"            {line}" for line in _strip(k, phi, linear)),
        "        sums_[2 * block], sums_[2 * block + 1] = pair_[0] + pair_[1], select(outside_ != 0, 1.0, 0.0)",
    ]


def _strip(k: int, phi: str, linear: bool) -> list[str]:
    """The lines that do `n_` rows from `start_`."""
    each = range(k)
    plain, set_ = _scores(k, True), _scores(k, False)
    sums = ["y_i = at_[r_]", *(f"x_{j} = e_[{j * STRIP} + r_]" for j in each)]
    sums += [
        f"rest_[r_] = {_fours('lower', k)} + ({_fours('top', k)} - 1.0) * peak_[r_]",
        f"x_[r_] = {_chosen(lambda j: f'x_{j}', k)}",
    ]
    row = [
        "m_[r_], factor_[r_], pull_[r_], slope_[r_] = by_label(",
        "    m_[r_], log_sum_[r_], peak_[r_], lack_[r_], rest_[r_], own_[r_], x_[r_], weight_[r_], outer_[r_], scale_,",
        f"    zeta_, {phi})",
    ]
    slopes = ["y_i, o_i, factor_i, pull_i, slope_i = at_[r_], outer_[r_], factor_[r_], pull_[r_], slope_[r_]"]
    for j in each:
        slope = f"select(y_i == {j}, slope_i, factor_i * (pull_i * e_[{j * STRIP} + r_]))"
        slopes.append(f"g_[(start_ + r_) * {k} + {j}] = select(o_i == 0.0, 0.0, {slope})")
    return [
        *_looped("at_[r_] = float64(y_[start_ + r_])", "outer_[r_] = w_[start_ + r_] if weighted_ > 0 else 1.0"),
        "if plain_ > 0:",
        *(f"    {line}" for line in _looped(*plain)),
        "else:",
        *(f"    {line}" for line in _looped(*set_)),
        "least_ = 0.0",
        *_looped("least_ = minimum(least_, gap_[r_])"),
        f"if least_ >= {NEAR}:",
        *_of_each_class("near_", "base_"),
        *(f"    {line}" for line in _looped("peak_[r_], lack_[r_] = near_peak_(m_[r_], base_[r_])")),
        "else:",
        *_of_each_class("far_exp", "m_"),
        *(f"    {line}" for line in _looped("peak_[r_], lack_[r_] = 1.0, 0.0")),
        *_looped(*sums),
        *_looped("log_sum_[r_] = others_of(peak_[r_], lack_[r_], rest_[r_])"),
        *_logs(linear),
        *_looped(*row),
        "if graded_ > 0:",
        *(f"    {line}" for line in _looped(*slopes)),
        *_looped(f"outside_ |= select(is_label(at_[r_], {k}) | (outer_[r_] == 0.0), 0, 1)"),
        *_looped("part_ = add_fast(part_, m_[r_])"),
        "add_pair(pair_, part_)",
        "if valued_ > 0:",
        *(f"    {line}" for line in _looped("v_[start_ + r_] = m_[r_]")),
    ]


def _logs(linear: bool) -> list[str]:
    """The lines from the others of a row, over its peak, to the logarithm of its sum, or of many at once in `part_`."""
    each = _looped("log_sum_[r_] = log_of_others(m_[r_], log_sum_[r_])")
    if not linear:
        return ["part_ = 0.0", *each]
    return [
        "part_ = 0.0",
        "if (plain_ > 0) & (weighted_ == 0) & (valued_ == 0) & (zeta_ == 0.0):",
        *(f"    {line}" for line in _looped("log_sum_[r_] = select(m_[r_] > -INF, log_sum_[r_], NAN)")),
        "    part_ = sum_of_logs(log_sum_, n_)",
        *(f"    {line}" for line in _looped("log_sum_[r_] = 0.0")),
        "else:",
        *(f"    {line}" for line in each),
    ]


def _scores(k: int, plain: bool) -> list[str]:
    """The lines of a row's scores, which are f where they are `plain`."""
    lines = ["y_i = at_[r_]"]
    for j in range(k):
        score = f"float64(f_[(start_ + r_) * {k} + {j}])"
        if not plain:
            lines.append(f"z_{j} = ({score} + table_[{j}]) * rate_")
            score = f"select(y_i == {j}, z_{j} - table_[{3 * k + j}] * rate_, z_{j})"
        lines += [f"z_{j} = {score}", f"e_[{j * STRIP} + r_] = z_{j}"]
    z = [f"z_{j}" for j in range(k)]
    return [
        *lines,
        f"m_i = m_[r_] = {_tree('higher({}, {})', z)}",
        f"gap_[r_] = gap(m_i, {_tree('deeper({}, {})', z)}, {' + '.join(z)})",
        "base_[r_] = base_of(m_i)",
        f"own_[r_] = {_chosen(lambda j: z[j], k)}",
        f"weight_[r_] = {'1.0' if plain else _chosen(lambda j: f'table_[{k + j}]', k)}",
    ]


def _of_each_class(exp: str, row: str) -> list[str]:
    """Scores to exponentials by the function `exp` of a score and a number of the row."""
    line = f"e_[j_ * {STRIP} + r_] = {exp}(e_[j_ * {STRIP} + r_], {row}[r_])"
    return ["    for j_ in range(int(classes_)):", *(f"        {line}" for line in _looped(line))]


def _looped(*lines: str) -> list[str]:
    return [_LOOP, *(f"    {line}" for line in lines)]


def _tree(pair: str, names: list[str]) -> str:
    """`pair` over all names, by halves."""
    if len(names) == 1:
        return names[0]
    half = (len(names) + 1) // 2
    return pair.format(_tree(pair, names[:half]), _tree(pair, names[half:]))


def _fours(name: str, k: int) -> str:
    """The sum of `name` over the exponentials, by fours as in `losskit.kernels.softmax`, for the same bits."""
    names = [f"{name}(x_{j}, peak_[r_])" for j in range(k)]
    return " + ".join(_tree("({} + {})", names[i : i + 4]) for i in range(0, k, 4))


def _chosen(name: Callable[[int], str], k: int) -> str:
    """That of the row's own class."""
    text = name(0)
    for j in range(1, k):
        text = f"select(y_i == {j}, {name(j)}, {text})"
    return text
