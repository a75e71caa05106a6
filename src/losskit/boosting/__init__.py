"""What gradient boosting needs of a loss: a start, a gradient, a positive curvature, and leaves of their own optimum.

Trees add to a score f = intercept + sum of leaves, the intercept being the best constant. A round's tree is grown on
each row's gradient g and curvature h; a leaf becomes -sum g / (sum h + lambda). Both are divided by one number, the
mean curvature at the start: it changes no step, and limits on a leaf's sum of h then count rows.

Curvatures, by name
    hessian     L''
    fisher      its expectation under the model
    majorizer   the bound of L'', one number for all rows
    irls        L'(r)/r, of the parabola about y that touches the loss at r and lies above it: steps from far off are as
                long as they should be, where L'' has vanished and 1 would creep
    absolute    |L''|, at least |L'|/4: no leaf moves a log-odds, or the logarithm of a mean, by more than 4
    unit        1: the leaves are renewed, so only the shape of a tree depends on it
"""
