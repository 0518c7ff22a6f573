mod size;

use super::*;
use crate::clock::WallTime;
use crate::config::{Collect, PerKind};
use crate::metrics::fleet::account;
use crate::wechat::class::ErrCode;
use crate::wechat::error::Failure;

/// An account that collects all there is, on clocks that the test moves.
struct Told {
    state: AccountState,
    now: Moment,
}

impl Told {
    fn new() -> Self {
        let every = Some(Duration::from_secs(600));
        let account = Account { collect: Collect { draft: every, quota: every }, ..account("a") };
        let wall = WallTime::from_millis(1_795_435_200_000);
        let now = Moment { instant: Instant::now(), wall };
        Self { state: AccountState::new(Arc::new(account), now), now }
    }

    /// Visits it a day later, when all is due. Its collectors meet `errcodes`, 0 being none; what of
    /// that is news.
    fn visit(&mut self, errcodes: [i64; 3]) -> Vec<(Collector, News)> {
        let due = self.due();
        let outcomes = due.into_iter().map(|collector| (collector, met(collector, errcodes)));
        self.report(outcomes.collect(), None)
    }

    /// The same, but there is no token.
    fn visit_without_token(&mut self, step: Step, code: i64) -> Vec<(Collector, News)> {
        self.due();
        self.report(Vec::new(), Some(error(step, code)))
    }

    fn due(&mut self) -> Vec<Collector> {
        let day = Duration::from_secs(24 * 3_600);
        self.now = Moment { instant: self.now.instant + day, wall: self.now.wall.plus(day) };
        let due = self.state.visit(self.now.instant).due;
        assert_eq!(due, Collector::ALL);
        due
    }

    fn report(
        &mut self,
        outcomes: Vec<(Collector, Result<Collected, ApiError>)>,
        token_error: Option<ApiError>,
    ) -> Vec<(Collector, News)> {
        let token = TokenState::default();
        let report = PollReport { token, outcomes, token_error, refreshes: 0, rejections: 0 };
        let ended = self.state.report(report, self.now).unwrap().ended;
        ended.into_iter().map(|one| (one.collector, one.news)).filter(|(_, it)| *it != News::None).collect()
    }

    fn restart(&mut self) {
        let account = Arc::clone(&self.state.readings.account);
        self.state =
            AccountState::restored(account, self.state.saved(self.now), Some(self.now.wall), self.now);
    }
}

fn met(collector: Collector, errcodes: [i64; 3]) -> Result<Collected, ApiError> {
    match (errcodes[collector as usize], collector) {
        (0, Collector::Material) => Ok(Collected::Material(PerKind::new(|_| 1))),
        (0, Collector::Draft) => Ok(Collected::Draft(1)),
        (0, Collector::Quota) => Ok(Collected::Quota(Box::default())),
        (code, _) => Err(error(Step::Call(Api::MaterialCount), code)),
    }
}

fn error(step: Step, code: i64) -> ApiError {
    ApiError { step, failure: Failure::Api { code: ErrCode(code), message: "no".into() } }
}

fn is_failing(news: &[(Collector, News)], collector: Collector) -> bool {
    matches!(news, [(told, News::Failing(_))] if *told == collector)
}

fn has_recovered(news: &[(Collector, News)], collector: Collector) -> bool {
    matches!(news, [(told, News::Recovered)] if *told == collector)
}

#[test]
fn a_failure_is_told_once_and_so_is_its_end() {
    let mut account = Told::new();
    assert_eq!(account.visit([0, 0, 0]), []);
    assert!(is_failing(&account.visit([48001, 0, 0]), Collector::Material));
    for _ in 0..5 {
        assert_eq!(account.visit([48001, 0, 0]), []);
        assert_eq!(account.visit([50001, 0, 0]), [], "another errcode of the same class");
    }
    assert!(is_failing(&account.visit([50002, 0, 0]), Collector::Material), "another class");
    assert!(has_recovered(&account.visit([0, 0, 0]), Collector::Material));
    assert_eq!(account.visit([0, 0, 0]), []);
}

#[test]
fn an_account_without_a_token_is_one_line_and_not_one_a_collector() {
    let mut account = Told::new();
    let token = Step::Call(Api::StableToken);
    assert!(is_failing(&account.visit_without_token(token, 40125), Collector::Material));
    assert_eq!(account.visit_without_token(token, 40125), []);
    assert!(has_recovered(&account.visit([0, 0, 0]), Collector::Material));
}

#[test]
fn a_collector_that_fails_alone_has_a_line_of_its_own() {
    let mut account = Told::new();
    assert!(is_failing(&account.visit([0, 48001, 0]), Collector::Draft));
    assert!(is_failing(&account.visit([48001, 48001, 0]), Collector::Material));
    // Of what material fails with, it has told before.
    assert!(has_recovered(&account.visit([0, 48001, 0]), Collector::Material));
    assert!(has_recovered(&account.visit([0, 0, 0]), Collector::Draft));
}

#[test]
fn what_an_accounts_platform_fails_with_is_not_told_of_the_account() {
    let mut account = Told::new();
    assert_eq!(account.visit_without_token(Step::Platform, 61004), []);
    assert_eq!(account.visit([0, 0, 0]), [], "nor its end");
    // A failure of its own is not over because the platform fails meanwhile.
    assert!(is_failing(&account.visit([48001, 0, 0]), Collector::Material));
    assert_eq!(account.visit_without_token(Step::Platform, 61004), []);
    assert_eq!(account.visit([48001, 0, 0]), []);
    assert!(has_recovered(&account.visit([0, 0, 0]), Collector::Material));
}

#[test]
fn what_an_earlier_process_has_told_is_not_told_again() {
    let mut account = Told::new();
    assert!(is_failing(&account.visit([48001, 0, 0]), Collector::Material));
    account.restart();
    assert_eq!(account.visit([48001, 0, 0]), []);
    account.restart();
    assert!(has_recovered(&account.visit([0, 0, 0]), Collector::Material));
    assert_eq!(account.visit_without_token(Step::Platform, 61004), []);
    account.restart();
    assert_eq!(account.visit([0, 0, 0]), [], "the platform's failure is not the account's");
}
