"""The number of maps that a factor leaves."""


def scaled(filters: int, alpha: float) -> int:
    """The nearest whole number of maps, at least one."""
    return max(1, round(alpha * filters))


def divisible(filters: float, divisor: int = 8) -> int:
    """The multiple of `divisor` that is nearest, at least one, and never below nine tenths.

    Source:
        Howard et al., "MobileNets", 2017, and its code; hardware likes multiples of 8.
    """
    rounded = max(divisor, int(filters + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * filters else rounded
