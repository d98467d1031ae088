//! Tables and charts on one HTML page that needs no other file.

use std::fmt::Write;

use breezeway_bench::case::{Mode, Work};
use breezeway_bench::catalogue::PIPE;
use breezeway_bench::outcome::Outcome;

use super::Report;
use super::table::{self, Section};

const STYLE: &str = "\
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:76rem;padding:0 1rem;background:#fcfcfb;color:#1a1a19}
h1{font-size:1.6rem;margin-bottom:.2rem}h2{font-size:1.1rem;margin:2.2rem 0 .4rem}
p{max-width:60rem}.about{color:#66655f;margin:0}.headline{font-size:1.15rem}
svg{width:100%;height:auto;margin:1rem 0}.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.15rem .8rem;text-align:right;white-space:nowrap}th:first-child,td:first-child{text-align:left;padding-left:0}
th{font-weight:600;border-bottom:1px solid #c9c8c2}tr.group td{border-top:1px solid #e5e4df}
@media (prefers-color-scheme:dark){body{background:#1a1a19;color:#f2f1ee}.about{color:#a9a8a1}
th{border-color:#55544f}tr.group td{border-color:#343330}}";

pub fn html(report: &Report, plots: &[(&str, String)]) -> String {
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>breezeway bench</title>\n\
         <style>\n{STYLE}\n</style>\n</head>\n<body>\n<h1>What shared memory buys on this machine</h1>\n"
    );
    for line in table::about(&report.machine, report.rounds) {
        let _ = writeln!(html, "<p class=\"about\">{}</p>", escaped(&line));
    }
    for warning in report.machine.warnings() {
        let _ = writeln!(html, "<p><strong>Warning:</strong> {}</p>", escaped(&warning));
    }
    for line in headlines(&report.outcomes) {
        let _ = writeln!(html, "<p class=\"headline\">{}</p>", escaped(&line));
    }
    plots.iter().for_each(|(_, svg)| html += svg);
    let _ = writeln!(html, "<p>{}</p>", escaped(table::LEGEND));
    table::sections(&report.outcomes).iter().for_each(|section| add(&mut html, section));
    for line in &report.left_out {
        let _ = writeln!(html, "<p class=\"about\">not measured: {}</p>", escaped(line));
    }
    html + "</body>\n</html>\n"
}

fn add(html: &mut String, section: &Section) {
    let _ = write!(html, "<h2>{}</h2>\n<div class=\"wide\"><table>\n<tr>", escaped(section.title));
    section.head.iter().for_each(|cell| *html += &format!("<th>{}</th>", escaped(cell)));
    *html += "</tr>\n";
    for (n, row) in section.rows.iter().enumerate() {
        *html += if section.groups.contains(&n) { "<tr class=\"group\">" } else { "<tr>" };
        row.iter().for_each(|cell| *html += &format!("<td>{}</td>", escaped(cell)));
        *html += "</tr>\n";
    }
    *html += "</table></div>\n";
}

/// What most readers want to know, as sentences.
fn headlines(outcomes: &[Outcome]) -> Vec<String> {
    let find = |work, peer: &str, mode, bytes| {
        outcomes.iter().find(|outcome| {
            let what = (outcome.case, outcome.peer, outcome.mode, outcome.bytes, outcome.metric);
            what == (work, peer, mode, bytes, "time")
        })
    };
    let sentence = |work, what: &str, peer, bytes, mode, how: &str| {
        let pipe_mode = if work == Work::Stream { Mode::Blocking } else { Mode::Parked };
        let (ours, pipe) = (find(work, peer, mode, bytes)?, find(work, PIPE, pipe_mode, bytes)?);
        let (ours, pipe, ratio) = (table::time(ours.median), table::time(pipe.median), ours.ratio_to_pipe?);
        Some(format!(
            "{what} takes {ours} by {peer} {how}, {pipe} by a pipe in blocking calls: {ratio:.1} times as long."
        ))
    };
    let (hot, parked) = ("between polling processes", "between sleeping processes");
    [
        sentence(Work::RoundTrip, "A round trip of 64 bytes", "spsc", 64, Mode::Hot, hot),
        sentence(Work::RoundTrip, "A round trip of 64 bytes", "spsc", 64, Mode::Parked, parked),
        sentence(
            Work::Stream,
            "A message of 64 KiB in a stream",
            "bytes",
            65_536,
            Mode::Blocking,
            "in blocking calls",
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
