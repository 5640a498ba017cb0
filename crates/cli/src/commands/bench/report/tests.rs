use std::time::Duration;

use super::super::measure::Series;
use super::*;

#[test]
fn a_ratio_without_a_goal_neither_holds_nor_fails() {
    let mut report = Report::new(1);
    let took = [
        (Subject::ChrootPython, 10),
        (Subject::RunPython, 13),
        (Subject::UnlikePython, 18),
        (Subject::HostTrue, 1),
        (Subject::ExecTrue, 3),
    ];
    let series = took.map(|(subject, ms)| {
        let mut series = Series::new();
        series.push(Duration::from_millis(ms));
        (subject, series)
    });
    report.take(&series);
    let ratios: Vec<_> = report.ratios.iter().map(|ratio| (ratio.ratio, ratio.holds)).collect();
    assert_eq!(ratios, [(1.3, None), (1.8, Some(false)), (3.0, Some(false))]);
    let text = report.render_ratios();
    let goal = text.lines().find(|line| line.starts_with("new sandbox to Python"));
    assert!(goal.is_some_and(|line| line.ends_with("none")), "{text}");
}
