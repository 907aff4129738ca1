//! Bar charts as SVG.

use std::fmt::{self, Write};

/// A grouped bar chart, rendered as an SVG for light and dark pages.
#[derive(Clone, Debug)]
pub struct Chart {
    /// The title, one line.
    pub title: String,
    /// What the bars measure, one line.
    pub unit: String,
    /// The series, in the order of their bars within a group.
    pub series: Vec<Series>,
    /// The panels, side by side on one scale.
    pub panels: Vec<Panel>,
    /// The conditions of the measurement, in small print.
    pub note: String,
}

/// A series of bars in one colour.
#[derive(Clone, Debug)]
pub struct Series {
    /// The name in the legend.
    pub name: &'static str,
    /// An SVG colour, of medium brightness to suit light and dark pages.
    pub colour: &'static str,
}

/// A set of related groups of bars.
#[derive(Clone, Debug)]
pub struct Panel {
    /// The property in which the groups differ.
    pub title: String,
    /// The label of each group and its bars, as pairs of series index and value.
    pub groups: Vec<(String, Vec<(usize, f64)>)>,
}

impl Chart {
    fn largest(&self) -> f64 {
        let groups = self.panels.iter().flat_map(|panel| &panel.groups);
        let bars = groups.flat_map(|(_, bars)| bars).map(|(_, value)| *value);
        bars.fold(f64::MIN_POSITIVE, f64::max)
    }

    fn width(&self) -> f64 {
        let panels: f64 = self.panels.iter().map(Panel::width).sum();
        panels + PANEL_GAP * (self.panels.len().saturating_sub(1)) as f64 + 2.0 * MARGIN
    }
}

impl Panel {
    fn width(&self) -> f64 {
        let groups = self.groups.iter();
        let bars: f64 = groups.map(|(_, bars)| bars.len() as f64 * BAR).sum();
        bars + GROUP_GAP * (self.groups.len().saturating_sub(1)) as f64
    }

    /// Draws the panel with its left edge at `left`.
    fn draw(&self, out: &mut String, mut left: f64, scale: f64, series: &[Series]) -> fmt::Result {
        text(out, "panel", left, TOP - 26.0, "start", &self.title)?;
        let (start, end) = (left - 6.0, left + self.width() + 6.0);
        writeln!(
            out,
            r#"<line class="axis" x1="{start:.1}" y1="{BASE:.1}" x2="{end:.1}" y2="{BASE:.1}"/>"#
        )?;
        for (label, bars) in &self.groups {
            let middle = left + bars.len() as f64 * BAR / 2.0;
            text(out, "label", middle, BASE + 18.0, "middle", label)?;
            for (of, value) in bars {
                let height = (value * scale).max(1.0);
                let (colour, name) = (series[*of].colour, series[*of].name);
                writeln!(
                    out,
                    r#"<rect x="{:.1}" y="{:.1}" width="{:.1}" height="{height:.1}" rx="2" fill="{colour}"><title>{}: {value:.0}</title></rect>"#,
                    left + 1.5,
                    BASE - height,
                    BAR - 3.0,
                    escape(name)
                )?;
                let above = BASE - height - 5.0;
                text(
                    out,
                    "value",
                    left + BAR / 2.0,
                    above,
                    "middle",
                    &short(*value),
                )?;
                left += BAR;
            }
            left += GROUP_GAP;
        }
        Ok(())
    }
}

impl fmt::Display for Chart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.width();
        let mut out = String::new();
        writeln!(
            out,
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0} {HEIGHT:.0}" width="{width:.0}" height="{HEIGHT:.0}" role="img" aria-label="{}">
<style>{STYLE}</style>
<rect class="page" x="0.5" y="0.5" width="{:.1}" height="{:.1}" rx="8"/>"#,
            escape(&self.title),
            width - 1.0,
            HEIGHT - 1.0
        )?;
        text(&mut out, "title", MARGIN, 36.0, "start", &self.title)?;
        text(&mut out, "label", MARGIN, 58.0, "start", &self.unit)?;
        let mut left = MARGIN;
        for series in &self.series {
            let colour = series.colour;
            writeln!(
                out,
                r#"<rect x="{left:.1}" y="74" width="11" height="11" rx="2" fill="{colour}"/>"#
            )?;
            text(&mut out, "label", left + 17.0, 84.0, "start", series.name)?;
            // Estimated, because no font metrics are available here.
            left += 17.0 + 7.0 * series.name.chars().count() as f64 + 18.0;
        }
        let scale = (BASE - TOP) / self.largest();
        left = MARGIN;
        for panel in &self.panels {
            panel.draw(&mut out, left, scale, &self.series)?;
            left += panel.width() + PANEL_GAP;
        }
        text(&mut out, "note", MARGIN, HEIGHT - 16.0, "start", &self.note)?;
        f.write_str(&out)?;
        f.write_str("</svg>\n")
    }
}

fn text(out: &mut String, class: &str, x: f64, y: f64, anchor: &str, content: &str) -> fmt::Result {
    let content = escape(content);
    writeln!(
        out,
        r#"<text class="{class}" x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{content}</text>"#
    )
}

/// Formats a value to fit above a bar.
fn short(value: f64) -> String {
    match value {
        value if value >= 9_950.0 => format!("{:.0}k", value / 1000.0),
        value if value >= 1_000.0 => format!("{:.1}k", value / 1000.0),
        value => format!("{value:.0}"),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

const STYLE: &str = "
text { font-family: system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #24292f; }
.title { font-size: 17px; font-weight: 600; }
.panel { font-size: 13px; font-weight: 600; }
.label { font-size: 12px; }
.value { font-size: 11px; }
.note { font-size: 11px; opacity: 0.7; }
.page { fill: #ffffff; stroke: #d0d7de; }
.axis { stroke: #8c959f; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .page { fill: #0d1117; stroke: #30363d; }
}
";

const HEIGHT: f64 = 420.0;
const MARGIN: f64 = 28.0;
/// The y coordinate of the top of the largest bar. All bars start at `BASE`.
const TOP: f64 = 150.0;
const BASE: f64 = 350.0;
const BAR: f64 = 34.0;
const GROUP_GAP: f64 = 22.0;
const PANEL_GAP: f64 = 48.0;
