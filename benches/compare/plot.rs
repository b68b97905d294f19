//! Curves over sizes, as SVG by hand: sizes in powers of ten, what is measured from zero on.

use std::fmt::Write;

/// One picture of several side by side.
pub struct Panel {
    pub title: &'static str,
    pub curves: Vec<Curve>,
}

/// A size and what was measured at it, the smallest first. Size 0 stands where 1 would.
pub struct Curve {
    pub name: &'static str,
    pub points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 200.0;
const LEFT: f64 = 60.0;
const TOP: f64 = 46.0;
const BOTTOM: f64 = 50.0;
const GAP: f64 = 24.0;

/// Readable on white and on black.
const COLOURS: [&str; 2] = ["#2f6fd0", "#d0602f"];
const GREY: &str = "#808080";

/// Draws them; `sizes` says what the sizes are of.
pub fn plot(sizes: &str, panels: &[Panel]) -> String {
    let step = LEFT + WIDTH + GAP;
    let (width, height) = (step * panels.len() as f64, TOP + HEIGHT + BOTTOM);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\" fill=\"{GREY}\">\n"
    );
    for (place, panel) in panels.iter().enumerate() {
        let x = step * place as f64 + LEFT;
        let _ = writeln!(svg, "<g transform=\"translate({x} {TOP})\">");
        draw(&mut svg, panel, sizes);
        svg += "</g>\n";
    }
    svg + "</svg>\n"
}

fn draw(svg: &mut String, panel: &Panel, sizes: &str) {
    let points = || panel.curves.iter().flat_map(|curve| &curve.points);
    let most = points().map(|(_, value)| *value).fold(0.0, f64::max);
    let most = round_up(most);
    let decades = points()
        .map(|(size, _)| decade(*size))
        .fold(1.0, f64::max)
        .ceil();
    let x = |size: f64| decade(size) / decades * WIDTH;
    let y = |value: f64| HEIGHT - value / most * HEIGHT;
    text(svg, (0.0, -30.0), "start", "13", GREY, panel.title);
    for quarter in 0..=4 {
        let value = most * f64::from(quarter) / 4.0;
        line(svg, (0.0, y(value)), (WIDTH, y(value)), "0.3");
        let label = format!("{}", (value * 100.0).round() / 100.0);
        text(svg, (-6.0, y(value) + 4.0), "end", "12", GREY, &label);
    }
    for power in 0..=decades as i32 {
        let size = 10f64.powi(power);
        let label = match power {
            0 => "0".into(),
            1..3 => format!("{size}"),
            3..6 => format!("{}k", size / 1e3),
            _ => format!("{}M", size / 1e6),
        };
        text(svg, (x(size), HEIGHT + 18.0), "middle", "12", GREY, &label);
    }
    text(
        svg,
        (WIDTH / 2.0, HEIGHT + 38.0),
        "middle",
        "12",
        GREY,
        sizes,
    );
    for (place, (curve, colour)) in panel.curves.iter().zip(COLOURS).enumerate() {
        let at = |(size, value): &(f64, f64)| format!("{:.1},{:.1}", x(*size), y(*value));
        let path: Vec<_> = curve.points.iter().map(at).collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            path.join(" ")
        );
        for (size, value) in &curve.points {
            let (x, y) = (x(*size), y(*value));
            let _ = writeln!(
                svg,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>"
            );
        }
        if panel.curves.len() > 1 {
            let at = (place as f64 * WIDTH / 2.0, -12.0);
            text(svg, at, "start", "12", colour, curve.name);
        }
    }
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, size: &str, colour: &str, text: &str) {
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\" fill=\"{colour}\">{text}</text>"
    );
}

fn line(svg: &mut String, from: (f64, f64), to: (f64, f64), width: &str) {
    let _ = writeln!(
        svg,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{GREY}\" stroke-width=\"{width}\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn decade(size: f64) -> f64 {
    size.max(1.0).log10()
}

/// To 1, 2, 4 or 8 times a power of ten, so that quarters are round.
fn round_up(most: f64) -> f64 {
    let power = 10f64.powf(most.max(f64::MIN_POSITIVE).log10().floor());
    let steps = [1.0, 2.0, 4.0, 8.0, 10.0];
    let step = steps.into_iter().find(|step| step * power >= most);
    step.unwrap_or(10.0) * power
}
