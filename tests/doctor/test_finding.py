"""What checks come to, taken together."""

from kiosk.doctor.finding import Colour, amber, green, look, red, worst, worst_of_each


def test_the_worst_colour_counts_wherever_it_stands():
    assert worst([]) is Colour.GREEN
    assert worst([green("a", ""), amber("b", "", "")]) is Colour.AMBER
    assert worst([red("a", "", ""), amber("b", "", ""), green("c", "")]) is Colour.RED


def test_of_one_name_the_worst_is_told_and_of_equals_the_later():
    kept = worst_of_each([green("a", "1"), amber("b", "2", "x"), green("a", "3"), green("b", "4")])
    assert [(each.name, each.found) for each in kept] == [("a", "3"), ("b", "2")]


def test_a_check_that_breaks_is_red_and_breaks_nothing_else():
    def broken():
        raise ZeroDivisionError("sick")

    (found,) = look("disk", broken)
    assert (found.name, found.colour) == ("disk", Colour.RED)
    assert "sick" in found.found
    assert look("disk", lambda: [green("disk", "fine")]) == [green("disk", "fine")]
