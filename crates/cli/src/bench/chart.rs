//! Charts as SVG: panels side by side, both axes logarithmic, each line labelled at its end.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::Failure;

/// A chart.
pub struct Chart {
    pub title: &'static str,
    pub subtitle: String,
    pub panels: Vec<Panel>,
}

/// A pair of axes and the lines in it.
pub struct Panel {
    pub title: &'static str,
    pub x: Axis,
    pub y: Axis,
    pub lines: Vec<Line>,
}

/// A logarithmic axis.
pub struct Axis {
    pub title: Option<&'static str>,
    pub range: Range<f64>,
    /// The values that are labelled.
    pub marks: Vec<f64>,
    pub label: Box<dyn Fn(f64) -> String>,
}

/// A line through some points.
pub struct Line {
    pub name: &'static str,
    pub style: Style,
    pub points: Vec<(f64, f64)>,
}

/// How a line is drawn.
#[derive(Clone, Copy)]
pub enum Style {
    /// In a colour.
    Solid(RGBColor),
    /// In grey, with dashes of this length.
    Dashed(u32),
    /// Dotted, from one side of the panel to the other: a bound that holds for all x.
    Bound,
}

/// Colours that the colour-blind can tell from their neighbours.
pub const COLOURS: [RGBColor; 7] = [
    RGBColor(0x2a, 0x78, 0xd6),
    RGBColor(0xeb, 0x68, 0x34),
    RGBColor(0x14, 0x93, 0x6a),
    RGBColor(0x4a, 0x3a, 0xa7),
    RGBColor(0xd8, 0x58, 0x8c),
    RGBColor(0x8f, 0x6b, 0x12),
    RGBColor(0xc4, 0x2f, 0x2e),
];
const GREY: RGBColor = RGBColor(0x8a, 0x89, 0x83);
const SURFACE: RGBColor = RGBColor(0xfc, 0xfc, 0xfb);
const TEXT: RGBColor = RGBColor(0x1a, 0x1a, 0x19);
const FAINT_TEXT: RGBColor = RGBColor(0x66, 0x65, 0x5f);
const GRID: RGBColor = RGBColor(0xe5, 0xe4, 0xdf);

const FONT: &str = "sans-serif";
const PANEL_WIDTH: u32 = 620;
const HEIGHT: u32 = 520;
/// The height of the title and the subtitle.
const HEAD: u32 = 66;
/// The width of the names at the right.
const NAMES: u32 = 150;
/// The least distance between two names.
const LEADING: i32 = 16;
/// Lines with more points are drawn without markers.
const MAX_MARKERS: usize = 8;

/// Inverts the colours where the reader prefers a dark background.
const DARK_STYLE: &str = "<style>@media (prefers-color-scheme:dark){\
    .breezeway{filter:invert(.9) hue-rotate(180deg)}}</style>\n";

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

impl Chart {
    /// Draws the chart.
    pub fn svg(&self) -> Result<String, Failure> {
        let mut svg = String::new();
        let panels = self.panels.len();
        let root = SVGBackend::with_string(&mut svg, (PANEL_WIDTH * panels as u32, HEIGHT));
        let root = root.into_drawing_area();
        root.fill(&SURFACE)?;
        let title = (FONT, 22).into_font().style(FontStyle::Bold).color(&TEXT);
        root.draw_text(self.title, &title, (24, 16))?;
        root.draw_text(&self.subtitle, &(FONT, 16).into_font().color(&FAINT_TEXT), (24, 44))?;
        let (_, body) = root.split_vertically(HEAD);
        for (panel, area) in self.panels.iter().zip(body.split_evenly((1, panels))) {
            panel.draw(&area)?;
        }
        root.present()?;
        // The backend borrows the text until here.
        drop((root, body));
        let tag = svg.find(">\n").map_or(0, |end| end + 2);
        svg.insert_str(tag, DARK_STYLE);
        Ok(svg.replacen("<svg ", "<svg class=\"breezeway\" role=\"img\" ", 1))
    }
}

impl Panel {
    fn draw(&self, area: &Area<'_>) -> Result<(), Failure> {
        let coordinates = |axis: &Axis| axis.range.clone().log_scale().with_key_points(axis.marks.clone());
        let mut chart = ChartBuilder::on(area)
            .caption(self.title, (FONT, 17).into_font().style(FontStyle::Bold).color(&TEXT))
            .margin(10)
            .margin_right(NAMES)
            .x_label_area_size(48)
            .y_label_area_size(66)
            .build_cartesian_2d(coordinates(&self.x), coordinates(&self.y))?;
        let label = (FONT, 15).into_font().color(&FAINT_TEXT);
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(GRID)
            .axis_style(GRID)
            .label_style(label.clone())
            .axis_desc_style(label)
            .x_label_formatter(&|value| (self.x.label)(*value))
            .y_label_formatter(&|value| (self.y.label)(*value))
            .x_desc(self.x.title.unwrap_or_default())
            .draw()?;

        // The grey lines are below the others.
        for is_grey in [true, false] {
            for line in self.lines.iter().filter(|line| matches!(line.style, Style::Solid(_)) != is_grey) {
                let points = self.points(line);
                match line.style {
                    Style::Solid(colour) => {
                        chart.draw_series(LineSeries::new(points.clone(), colour.stroke_width(2)))?;
                        if points.len() <= MAX_MARKERS {
                            let markers =
                                points.into_iter().map(|point| Circle::new(point, 4, colour.filled()));
                            chart.draw_series(markers)?;
                        }
                    }
                    Style::Dashed(length) => {
                        let dashes = DashedLineSeries::new(points, length, 3, GREY.stroke_width(2));
                        chart.draw_series(dashes)?;
                    }
                    Style::Bound => {
                        let dots = DashedLineSeries::new(points, 1, 5, GREY.stroke_width(2));
                        chart.draw_series(dots)?;
                    }
                }
            }
        }

        let (left, top) = area.get_base_pixel();
        let ends = self.lines.iter().filter_map(|line| {
            let (x, y) = chart.backend_coord(self.points(line).last()?);
            Some((line, (x - left, y - top)))
        });
        let (_, rows) = chart.plotting_area().get_pixel_range();
        draw_names(area, ends.collect(), rows.end - top)
    }

    /// The points of a line; those of a bound are at both sides.
    fn points(&self, line: &Line) -> Vec<(f64, f64)> {
        match (line.style, line.points.first()) {
            (Style::Bound, Some((_, y))) => vec![(self.x.range.start, *y), (self.x.range.end, *y)],
            _ => line.points.clone(),
        }
    }
}

/// Draws the lines' names at their ends, moved apart where they would overlap.
fn draw_names(area: &Area<'_>, mut ends: Vec<(&Line, (i32, i32))>, bottom: i32) -> Result<(), Failure> {
    ends.sort_by_key(|(_, (_, y))| *y);
    let mut heights: Vec<i32> = ends.iter().map(|(_, (_, y))| *y).collect();
    for n in 1..heights.len() {
        heights[n] = heights[n].max(heights[n - 1] + LEADING);
    }
    // Names below the panel move up, and push up those above them.
    let mut lowest = bottom;
    for height in heights.iter_mut().rev() {
        *height = (*height).min(lowest);
        lowest = *height - LEADING;
    }
    let (width, _) = area.dim_in_pixel();
    let at = (width - NAMES) as i32 + 24;
    let anchor = Pos::new(HPos::Left, VPos::Center);
    let style = (FONT, 16).into_font().color(&TEXT).pos(anchor);
    for ((line, (x, y)), height) in ends.iter().zip(heights) {
        let colour = if let Style::Solid(colour) = line.style { colour } else { GREY };
        let lead = vec![(x + 6, *y), (at - 8, height), (at - 2, height)];
        area.draw(&PathElement::new(lead, colour.mix(0.5)))?;
        area.draw_text(line.name, &style, (at + 2, height))?;
    }
    Ok(())
}

impl Axis {
    /// An axis around these values, labelled at powers of ten, or at 1, 2 and 5 times those if few.
    pub fn around(
        values: impl Iterator<Item = f64> + Clone,
        label: impl Fn(f64) -> String + 'static,
    ) -> Self {
        const MARGIN: f64 = 1.2;
        let range = values.clone().fold(f64::MAX, f64::min) / MARGIN..values.fold(0.0, f64::max) * MARGIN;
        let powers = range.start.log10().floor() as i32..=range.end.log10().ceil() as i32;
        let marks = |digits: &'static [f64]| -> Vec<f64> {
            let all =
                powers.clone().flat_map(|power| digits.iter().map(move |digit| digit * 10_f64.powi(power)));
            all.filter(|mark| range.contains(mark)).collect()
        };
        let (tens, finer) = (marks(&[1.0]), marks(&[1.0, 2.0, 5.0]));
        let marks = if tens.len() > 2 { tens } else { finer };
        Self { title: None, marks, label: Box::new(label), range }
    }
}

#[cfg(test)]
mod tests {
    use super::Axis;

    #[test]
    fn axis_around_labels_powers_of_ten_or_finer_steps() {
        let marks = |values: [f64; 2]| Axis::around(values.into_iter(), |mark| mark.to_string()).marks;
        assert_eq!(marks([93.0, 1100.0]), [100.0, 200.0, 500.0, 1000.0]);
        assert_eq!(marks([93.0, 110_000.0]), [100.0, 1000.0, 10_000.0, 100_000.0]);
        assert_eq!(marks([5.0, 5.0]), [5.0]);
    }
}
