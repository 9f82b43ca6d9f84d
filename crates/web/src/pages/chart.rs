//! Charts as SVG, made on the server.
//!
//! Places across are percentages and places down are pixels, so a chart fills any width while its text keeps its size. The
//! axis' labels stand left of the origin, in room that the style sheet leaves.

use askama::Template;

/// Where the plot's top and bottom are, in pixels.
const TOP: f64 = 10.0;
const BOTTOM: f64 = 170.0;
/// How much of its column a bar takes.
const BAR: f64 = 0.52;
/// More labels than this do not fit beside each other on a wide page.
const MOST_LABELS: usize = 12;
/// Up to so many fit on a phone too.
const FEW_LABELS: usize = 6;

/// A series of one value per column; a column may have none.
pub(super) struct Series<'a> {
    /// Its name in the legend.
    pub(super) name: &'a str,
    /// Its class: the style sheet gives it a colour.
    pub(super) class: &'static str,
    /// How it is drawn.
    pub(super) mark: Mark,
    /// Its values, none negative.
    pub(super) values: Vec<Option<f64>>,
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// A bar per value.
    Bars,
    /// Dots, and lines between neighbours.
    Line,
}

/// What a column is called, below it and when pointed at.
pub(super) struct Label {
    /// Below it.
    pub(super) short: String,
    /// When pointed at.
    pub(super) hint: String,
}

/// A chart, ready to be drawn.
#[derive(Template)]
#[template(path = "_chart.html")]
pub(super) struct Chart {
    /// Names the chart within its page.
    id: &'static str,
    title: String,
    description: String,
    legend: Vec<LegendEntry>,
    ticks: Vec<Tick>,
    columns: Vec<Column>,
    lines: Vec<Segment>,
}

struct LegendEntry {
    name: String,
    class: &'static str,
    mark: &'static str,
}

struct Tick {
    y: String,
    label: String,
}

struct Column {
    left: String,
    width: String,
    middle: String,
    label: Option<String>,
    /// Whether the label is left out on a phone.
    minor: bool,
    hint: String,
    bars: Vec<Bar>,
    dots: Vec<Dot>,
}

struct Bar {
    class: &'static str,
    left: String,
    width: String,
    y: String,
    height: String,
}

struct Dot {
    class: &'static str,
    y: String,
}

struct Segment {
    class: &'static str,
    x1: String,
    y1: String,
    x2: String,
    y2: String,
}

impl Chart {
    /// A chart of these series. `description` says in words what it shows, for those who do not see it.
    pub(super) fn new(
        id: &'static str,
        title: impl Into<String>,
        description: String,
        labels: Vec<Label>,
        series: &[Series<'_>],
    ) -> Self {
        let largest =
            series.iter().flat_map(|series| series.values.iter().flatten()).fold(0.0, |a: f64, b| a.max(*b));
        let scale = Scale::up_to(largest);
        let count = labels.len();
        let columns = labels
            .into_iter()
            .enumerate()
            .map(|(index, label)| column(index, count, label, series, &scale))
            .collect();
        let legend = series.iter().map(|series| LegendEntry {
            name: series.name.to_owned(),
            class: series.class,
            mark: if series.mark == Mark::Bars { "bars" } else { "line" },
        });
        Self {
            id,
            title: title.into(),
            description,
            legend: legend.collect(),
            ticks: scale.ticks(),
            columns,
            lines: series.iter().flat_map(|series| segments(series, count, &scale)).collect(),
        }
    }
}

fn column(index: usize, count: usize, label: Label, series: &[Series<'_>], scale: &Scale) -> Column {
    let width = 100.0 / count as f64;
    let left = width * index as f64;
    let value = |series: &Series<'_>| series.values.get(index).copied().flatten();
    let drawn = |mark| series.iter().filter(move |series| series.mark == mark);
    let bars = drawn(Mark::Bars).filter_map(|series| {
        let y = scale.y(value(series).filter(|value| *value > 0.0)?);
        Some(Bar {
            class: series.class,
            left: percent(left + width * (1.0 - BAR) / 2.0),
            width: percent(width * BAR),
            y: pixels(y),
            height: pixels(BOTTOM - y),
        })
    });
    let dots = drawn(Mark::Line)
        .filter_map(|series| Some(Dot { class: series.class, y: pixels(scale.y(value(series)?)) }));
    let (labelled, minor) = label_at(index, count);
    Column {
        left: percent(left),
        width: percent(width),
        middle: percent(left + width / 2.0),
        label: labelled.then_some(label.short),
        minor,
        hint: label.hint,
        bars: bars.collect(),
        dots: dots.collect(),
    }
}

/// Whether the column has a label, and whether a phone leaves it out. The last column, the newest, always has one.
fn label_at(index: usize, count: usize) -> (bool, bool) {
    let stride = count.div_ceil(MOST_LABELS).max(1);
    let from_last = count - 1 - index;
    let few = count.div_ceil(stride) <= FEW_LABELS;
    (from_last.is_multiple_of(stride), !few && !from_last.is_multiple_of(stride * 2))
}

fn segments(series: &Series<'_>, count: usize, scale: &Scale) -> Vec<Segment> {
    if series.mark != Mark::Line {
        return Vec::new();
    }
    let width = 100.0 / count as f64;
    let middle = |index: usize| percent(width * (index as f64 + 0.5));
    let neighbours = series.values.windows(2).enumerate().filter_map(|(index, pair)| {
        let [Some(from), Some(to)] = *pair else { return None };
        Some(Segment {
            class: series.class,
            x1: middle(index),
            y1: pixels(scale.y(from)),
            x2: middle(index + 1),
            y2: pixels(scale.y(to)),
        })
    });
    neighbours.collect()
}

/// From 0 to a round number, in round steps.
struct Scale {
    step: f64,
    steps: u32,
}

impl Scale {
    fn up_to(largest: f64) -> Self {
        const MOST_STEPS: f64 = 4.0;
        let least = (largest / MOST_STEPS).max(f64::MIN_POSITIVE);
        let power = 10_f64.powf(least.log10().floor());
        let step =
            [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= least);
        // Counts have no halves, and an empty chart still has an axis.
        let step = step.unwrap_or(power * 10.0).max(1.0);
        let step = if step < 10.0 { step.ceil() } else { step };
        Self { step, steps: ((largest / step).ceil() as u32).max(1) }
    }

    fn y(&self, value: f64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * value / (self.step * f64::from(self.steps))
    }

    fn ticks(&self) -> Vec<Tick> {
        let values = (0..=self.steps).map(|index| self.step * f64::from(index));
        values.map(|value| Tick { y: pixels(self.y(value)), label: super::wording::decimal(value) }).collect()
    }
}

fn percent(number: f64) -> String {
    format!("{number:.3}%")
}

fn pixels(number: f64) -> String {
    format!("{number:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(values: &[Option<f64>]) -> Chart {
        let labels = values
            .iter()
            .enumerate()
            .map(|(i, _)| Label { short: format!("w{i}"), hint: format!("week {i}") });
        let series = [
            Series { name: "bars", class: "a", mark: Mark::Bars, values: values.to_vec() },
            Series { name: "line", class: "b", mark: Mark::Line, values: values.to_vec() },
        ];
        Chart::new("test", "Test", "A test.".into(), labels.collect(), &series)
    }

    #[test]
    fn the_axis_ends_at_a_round_number_above_the_largest_value() {
        let labels = |largest: f64| {
            Scale::up_to(largest).ticks().into_iter().map(|tick| tick.label).collect::<Vec<_>>()
        };
        assert_eq!(labels(0.0), ["0", "1"]);
        assert_eq!(labels(3.0), ["0", "1", "2", "3"]);
        assert_eq!(labels(7.0), ["0", "2", "4", "6", "8"]);
        assert_eq!(labels(37.0), ["0", "10", "20", "30", "40"]);
        assert_eq!(labels(98.0), ["0", "25", "50", "75", "100"]);
        assert_eq!(labels(1234.0), ["0", "500", "1000", "1500"]);
        for largest in 1..3000 {
            let scale = Scale::up_to(f64::from(largest));
            let top = scale.step * f64::from(scale.steps);
            assert!(
                top >= f64::from(largest) && scale.steps <= 4,
                "{largest}: {} x {}",
                scale.steps,
                scale.step
            );
        }
    }

    #[test]
    fn a_gap_in_the_values_is_a_gap_in_the_line() {
        let chart = chart(&[Some(1.0), Some(2.0), None, Some(4.0)]);
        assert_eq!(chart.lines.len(), 1, "only the first two are neighbours");
        assert_eq!(chart.columns[2].dots.len() + chart.columns[2].bars.len(), 0);
        assert_eq!(
            (chart.columns[3].dots[0].y.as_str(), chart.columns[3].bars[0].height.as_str()),
            ("10.0", "160.0")
        );
    }

    #[test]
    fn labels_never_crowd_and_the_newest_week_has_one() {
        for count in 1..=104 {
            let shown = |phone: bool| {
                (0..count).filter(move |index| {
                    let (labelled, minor) = label_at(*index, count);
                    labelled && !(phone && minor)
                })
            };
            assert!(shown(false).count() <= MOST_LABELS, "{count}");
            assert!(shown(true).count() <= 7, "{count}");
            assert!(shown(true).any(|index| index == count - 1), "{count}");
        }
    }

    #[test]
    fn a_chart_without_columns_is_an_axis() {
        assert!(chart(&[]).render().unwrap().contains("<svg"));
    }
}
