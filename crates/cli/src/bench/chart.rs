//! Pictures, as SVG: panels beside each other, both axes logarithmic, each line with its name at its end. Light or dark, as the reader's
//! screen is.

use std::fmt::Write;

/// A picture.
pub struct Chart {
    pub title: &'static str,
    /// What is to be known besides.
    pub subtitle: String,
    pub panels: Vec<Panel>,
}

/// A system of coordinates.
pub struct Panel {
    pub title: &'static str,
    pub x: Axis,
    pub y: Axis,
    pub lines: Vec<Line>,
}

/// From the first of the marks to the last.
pub struct Axis {
    pub title: &'static str,
    /// Where, and what is written there.
    pub marks: Vec<(f64, String)>,
}

/// Points in a row.
pub struct Line {
    pub name: &'static str,
    pub ink: Ink,
    pub points: Vec<(f64, f64)>,
}

/// How a line is drawn.
#[derive(Clone, Copy)]
pub enum Ink {
    /// The first, second... of the colours.
    Colour(usize),
    /// Grey, and thinner, in one of so many patterns of dashes.
    Grey(usize),
    /// What hardly anything is better than: dotted.
    Floor,
    /// The same, from one side to the other.
    Bound,
}

/// Each in light and in dark, with a contrast of 3 to 1 at least. Neighbours differ for the colour-blind, too.
const COLOURS: [(&str, &str); 6] = [
    ("#2a78d6", "#3987e5"),
    ("#eb6834", "#d95926"),
    ("#14936a", "#199e70"),
    ("#4a3aa7", "#9085e9"),
    ("#d8588c", "#d55181"),
    ("#8f6b12", "#a9842a"),
];
const PIPE: (&str, &str) = ("#c42f2e", "#e66767");
const GREY: (&str, &str) = ("#8a8983", "#87867f");
const SURFACE: (&str, &str) = ("#fcfcfb", "#1a1a19");
const TEXT: (&str, &str) = ("#1a1a19", "#f2f1ee");
const FAINT_TEXT: (&str, &str) = ("#66655f", "#a9a8a1");
const GRID: (&str, &str) = ("#e5e4df", "#343330");
const DASHES: [&str; 3] = ["6 3", "3 2", "8 3 2 3"];

/// Which colour is the pipe's.
pub const PIPES_COLOUR: usize = COLOURS.len();

const PANEL_WIDTH: f64 = 600.0;
const HEIGHT: f64 = 500.0;
/// Around the system of coordinates: for the names at the right, the marks at the left.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 130.0;
const TOP: f64 = 104.0;
const BOTTOM: f64 = 56.0;
/// A line of more is drawn without them.
const MOST_POINTS: usize = 8;
/// Between two names, at least.
const LEADING: f64 = 16.0;

impl Chart {
    pub fn svg(&self) -> String {
        let width = PANEL_WIDTH * self.panels.len() as f64;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {HEIGHT}\" class=\"breezeway\" role=\"img\">\n\
             <title>{}</title>\n<desc>{}</desc>\n<style>\n{}</style>\n\
             <rect class=\"surface\" width=\"{width}\" height=\"{HEIGHT}\"/>\n\
             <text class=\"title\" x=\"24\" y=\"34\">{}</text>\n<text class=\"faint\" x=\"24\" y=\"56\">{}</text>\n",
            escaped(self.title),
            escaped(&self.subtitle),
            style(),
            escaped(self.title),
            escaped(&self.subtitle),
        );
        for (n, panel) in self.panels.iter().enumerate() {
            let _ = writeln!(svg, "<g transform=\"translate({} 0)\">", PANEL_WIDTH * n as f64);
            panel.draw(&mut svg);
            svg += "</g>\n";
        }
        svg + "</svg>\n"
    }
}

impl Panel {
    fn draw(&self, svg: &mut String) {
        let (right, bottom) = (PANEL_WIDTH - RIGHT, HEIGHT - BOTTOM);
        text(svg, "panel", LEFT, TOP - 18.0, "start", self.title);
        for (value, mark) in &self.y.marks {
            let y = self.y(*value);
            let _ = writeln!(svg, "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/>");
            text(svg, "faint", LEFT - 8.0, y + 4.0, "end", mark);
        }
        for (value, mark) in &self.x.marks {
            let x = self.x(*value);
            let _ = writeln!(svg, "<path class=\"grid\" d=\"M{x:.1} {bottom}v5\"/>");
            text(svg, "faint", x, bottom + 20.0, "middle", mark);
        }
        text(svg, "faint", (LEFT + right) / 2.0, bottom + 42.0, "middle", self.x.title);
        text(svg, "faint", LEFT - 8.0, TOP - 18.0, "end", self.y.title);
        // The leads of the names lie below all lines, and the greys below the others.
        self.draw_names(svg);
        for is_grey in [true, false] {
            let lines = self.lines.iter().filter(|line| matches!(line.ink, Ink::Colour(_)) != is_grey);
            lines.for_each(|line| self.draw_line(svg, line));
        }
    }

    fn draw_line(&self, svg: &mut String, line: &Line) {
        let class = line.ink.class();
        let path = self.places(line).iter().enumerate().fold(String::new(), |mut path, (n, (x, y))| {
            let _ = write!(path, "{}{x:.1} {y:.1}", if n == 0 { 'M' } else { 'L' });
            path
        });
        let _ = writeln!(svg, "<path class=\"line {class}\" d=\"{path}\"/>");
        if matches!(line.ink, Ink::Colour(_)) && line.points.len() <= MOST_POINTS {
            for (x, y) in self.places(line) {
                let _ =
                    writeln!(svg, "<circle class=\"point {class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/>");
            }
        }
    }

    /// Where its points are; a bound's, from one side to the other.
    fn places(&self, line: &Line) -> Vec<(f64, f64)> {
        let places = line.points.iter().map(|(x, y)| (self.x(*x), self.y(*y)));
        match (line.ink, line.points.first()) {
            (Ink::Bound, Some((_, y))) => vec![(LEFT, self.y(*y)), (PANEL_WIDTH - RIGHT, self.y(*y))],
            _ => places.collect(),
        }
    }

    /// At the lines' ends, moved apart where they would lie over each other.
    fn draw_names(&self, svg: &mut String) {
        let ends = self.lines.iter().filter_map(|line| Some((line, *self.places(line).last()?)));
        let mut ends: Vec<(&Line, (f64, f64))> = ends.collect();
        ends.sort_by(|(_, a), (_, b)| a.1.total_cmp(&b.1));
        let mut heights: Vec<f64> = ends.iter().map(|(_, end)| end.1).collect();
        for n in 1..heights.len() {
            heights[n] = heights[n].max(heights[n - 1] + LEADING);
        }
        // Not below the frame: what is too low moves up, and what is above it makes room.
        let mut lowest = HEIGHT - BOTTOM;
        for height in heights.iter_mut().rev() {
            *height = height.min(lowest);
            lowest = *height - LEADING;
        }
        for ((line, (x, y)), height) in ends.iter().zip(heights) {
            let (class, name_at) = (line.ink.class(), PANEL_WIDTH - RIGHT + 22.0);
            let _ = writeln!(
                svg,
                "<path class=\"lead {class}\" d=\"M{:.1} {y:.1}L{:.1} {height:.1}h6\"/>",
                x + 6.0,
                name_at - 10.0
            );
            text(svg, "name", name_at, height + 4.0, "start", line.name);
        }
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + self.x.part(value) * (PANEL_WIDTH - RIGHT - LEFT)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - self.y.part(value) * (HEIGHT - BOTTOM - TOP)
    }
}

impl Axis {
    /// From one, two or five times a power of ten to another, around these, with the powers of ten between; as `mark` writes them.
    pub fn of_tens(
        title: &'static str,
        values: impl Iterator<Item = f64> + Clone,
        mark: impl Fn(f64) -> String,
    ) -> Self {
        let (least, most) = (values.clone().fold(f64::MAX, f64::min), values.fold(0.0, f64::max));
        let (first, last) = (least.log10().floor() as i32, most.log10().ceil() as i32);
        let round = (first..=last.max(first + 1))
            .flat_map(|power| [1.0, 2.0, 5.0].map(|digit| (digit, digit * 10_f64.powi(power))));
        let round: Vec<(f64, f64)> = round.collect();
        let below = round.iter().rposition(|(_, value)| *value <= least).unwrap_or(0);
        let above = round.iter().position(|(_, value)| *value >= most).unwrap_or(round.len() - 1);
        let ends = [below, above.max(below + 1)];
        let marked = round.iter().enumerate().filter(|(n, (digit, _))| *digit == 1.0 || ends.contains(n));
        let within = marked.filter(|(n, _)| (ends[0]..=ends[1]).contains(n));
        Self { title, marks: within.map(|(_, (_, value))| (*value, mark(*value))).collect() }
    }

    /// How far along it a value lies, from 0 to 1.
    fn part(&self, value: f64) -> f64 {
        let end = |mark: Option<&(f64, String)>| mark.map_or(0.0, |(value, _)| value.ln());
        let (first, last) = (end(self.marks.first()), end(self.marks.last()));
        ((value.ln() - first) / (last - first)).clamp(0.0, 1.0)
    }
}

impl Ink {
    fn class(self) -> String {
        match self {
            Self::Colour(n) => format!("c{n}"),
            Self::Grey(n) => format!("g{n}"),
            Self::Floor | Self::Bound => "bound".to_owned(),
        }
    }
}

fn text(svg: &mut String, class: &str, x: f64, y: f64, anchor: &str, words: &str) {
    let words = escaped(words);
    let _ = writeln!(
        svg,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>"
    );
}

pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// What everything looks like, in light and in dark.
fn style() -> String {
    let dark = colours(|(_, dark)| dark);
    let mut style = String::from(
        ".breezeway text{font:13px system-ui,sans-serif}.breezeway .title{font-size:18px;font-weight:600}\
         .breezeway .panel{font-weight:600}\n\
         .breezeway .line,.breezeway .lead{fill:none;stroke-width:2;stroke-linejoin:round}\
         .breezeway .lead{stroke-width:1;stroke-opacity:.45}.breezeway .grid{fill:none;stroke-width:1}.breezeway .point{stroke-width:2}\n\
         .breezeway .line.bound{stroke-width:1.5;stroke-dasharray:1 6;stroke-linecap:round}\n",
    );
    for (n, dashes) in DASHES.iter().enumerate() {
        let _ = writeln!(style, ".breezeway .line.g{n}{{stroke-width:1.5;stroke-dasharray:{dashes}}}");
    }
    style + &colours(|(light, _)| light) + "@media (prefers-color-scheme:dark){\n" + &dark + "}\n"
}

fn colours(of: impl Fn((&'static str, &'static str)) -> &'static str) -> String {
    let mut rules = format!(
        ".breezeway text{{fill:{}}}.breezeway .faint{{fill:{}}}.breezeway .surface{{fill:{}}}.breezeway .grid{{stroke:{}}}\n",
        of(TEXT),
        of(FAINT_TEXT),
        of(SURFACE),
        of(GRID),
    );
    for (n, colour) in COLOURS.iter().chain([&PIPE]).enumerate() {
        let (colour, surface) = (of(*colour), of(SURFACE));
        let _ = writeln!(
            rules,
            ".breezeway .line.c{n},.breezeway .lead.c{n}{{stroke:{colour}}}\
             .breezeway .point.c{n}{{fill:{colour};stroke:{surface}}}"
        );
    }
    for grey in (0..DASHES.len()).map(|n| format!("g{n}")).chain(["bound".to_owned()]) {
        let _ = writeln!(rules, ".breezeway .line.{grey},.breezeway .lead.{grey}{{stroke:{}}}", of(GREY));
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_close_to_what_is_on_it() {
        let ends = |values: [f64; 2]| {
            let axis = Axis::of_tens("", values.into_iter(), |mark| mark.to_string());
            (axis.marks[0].0, axis.marks[axis.marks.len() - 1].0)
        };
        assert_eq!(ends([93.0, 1100.0]), (50.0, 2000.0));
        assert_eq!(ends([100.0, 1000.0]), (100.0, 1000.0));
        assert_eq!(ends([7.0, 7.0]), (5.0, 10.0));
    }
}
