//! What the scheduler was told of a platform's accounts, and what it is to be told. Only the newest
//! is told: of an account that comes and goes meanwhile, nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::config::{Account, AccountName, AppId};
use crate::poll::change::FleetChange;

/// News of one platform's accounts.
#[derive(Debug, Default)]
pub(super) struct News {
    /// The accounts that the scheduler polls, as far as it was told.
    told: HashMap<AppId, AccountName>,
    untold: BTreeMap<AppId, Untold>,
}

#[derive(Debug)]
enum Untold {
    Set(Arc<Account>),
    Gone,
}

impl News {
    /// There is an account, or it has other settings.
    pub(super) fn set(&mut self, account: Arc<Account>) {
        self.untold.insert(account.app_id.clone(), Untold::Set(account));
    }

    /// An account went. Whether the scheduler is to be told.
    pub(super) fn gone(&mut self, app_id: &AppId) -> bool {
        let is_told = self.told.contains_key(app_id);
        if is_told {
            self.untold.insert(app_id.clone(), Untold::Gone);
        } else {
            self.untold.remove(app_id);
        }
        is_told
    }

    /// Whether there is nothing to tell.
    pub(super) fn is_empty(&self) -> bool {
        self.untold.is_empty()
    }

    /// What is to be told next, and of whom. It counts as told from then on.
    pub(super) fn next(&mut self) -> Option<(AppId, FleetChange)> {
        loop {
            let (app_id, news) = self.untold.pop_first()?;
            match news {
                Untold::Set(account) => {
                    self.told.insert(app_id.clone(), account.name.clone());
                    return Some((app_id, FleetChange::Set(account)));
                }
                Untold::Gone => {
                    if let Some(name) = self.told.remove(&app_id) {
                        return Some((app_id, FleetChange::Gone(name)));
                    }
                }
            }
        }
    }

    /// Tells no more of `app_id`. The account, if the scheduler polls it: somebody else tells it.
    pub(super) fn take_back(&mut self, app_id: &AppId) -> Option<AccountName> {
        self.untold.remove(app_id);
        self.told.remove(app_id)
    }

    /// Tells nothing more. All accounts that the scheduler polls: somebody else tells it.
    pub(super) fn take_back_all(&mut self) -> Vec<AccountName> {
        self.untold.clear();
        self.told.drain().map(|(_, name)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::config::{BaseUrl, Budget, Collect, Endpoint, Limits, PlatformName, TokenSource};

    fn id(n: u8) -> AppId {
        AppId::parse(&format!("wx{n:016x}")).unwrap()
    }

    fn account(n: u8) -> Arc<Account> {
        let base_url = BaseUrl::parse("https://api.weixin.qq.com").unwrap();
        let platform = PlatformName::parse("agency").unwrap();
        Arc::new(Account {
            name: AccountName::parse(id(n).as_str()).unwrap(),
            app_id: id(n),
            display_name: "".into(),
            info_labels: Box::default(),
            interval: Duration::from_secs(600),
            collect: Collect::default(),
            hold: Duration::from_secs(259_200),
            limits: Limits::default(),
            budget: Budget::default(),
            shard: None,
            endpoint: Arc::new(Endpoint { base_url, fallback: None, proxy: None }),
            token: TokenSource::Authorizer { platform, refresh_token: None },
        })
    }

    #[derive(Clone, Debug)]
    enum Act {
        Set(u8),
        Gone(u8),
        Tell,
        TakeBack(u8),
        TakeBackAll,
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let n = || 0_u8..5;
        let act = prop_oneof![
            4 => n().prop_map(Act::Set),
            4 => n().prop_map(Act::Gone),
            6 => Just(Act::Tell),
            2 => n().prop_map(Act::TakeBack),
            1 => Just(Act::TakeBackAll),
        ];
        prop::collection::vec(act, 0..60)
    }

    /// The accounts that the scheduler polls, as it follows from what it is told.
    fn tell(news: &mut News, polled: &mut BTreeSet<String>) -> Result<(), TestCaseError> {
        let Some((app_id, change)) = news.next() else { return Ok(()) };
        match change {
            FleetChange::Set(account) => {
                prop_assert_eq!(&account.app_id, &app_id);
                polled.insert(account.name.as_str().to_owned());
            }
            FleetChange::Gone(name) => prop_assert!(polled.remove(name.as_str()), "{} went twice", name),
            other => prop_assert!(false, "{:?}", other),
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn what_went_was_there_and_in_the_end_all_is_told(acts in acts()) {
            let (mut news, mut wanted, mut polled) = (News::default(), BTreeSet::new(), BTreeSet::new());
            for act in acts {
                match act {
                    Act::Set(n) => {
                        wanted.insert(id(n).as_str().to_owned());
                        news.set(account(n));
                    }
                    Act::Gone(n) => {
                        wanted.remove(id(n).as_str());
                        prop_assert_eq!(news.gone(&id(n)), polled.contains(id(n).as_str()));
                    }
                    Act::Tell => tell(&mut news, &mut polled)?,
                    Act::TakeBack(n) => {
                        wanted.remove(id(n).as_str());
                        let name = news.take_back(&id(n));
                        prop_assert_eq!(name.is_some(), polled.remove(id(n).as_str()));
                    }
                    Act::TakeBackAll => {
                        wanted.clear();
                        let taken: BTreeSet<_> =
                            news.take_back_all().iter().map(|name| name.as_str().to_owned()).collect();
                        prop_assert_eq!(taken, std::mem::take(&mut polled));
                        prop_assert!(news.is_empty());
                    }
                }
            }
            while !news.is_empty() {
                tell(&mut news, &mut polled)?;
            }
            prop_assert_eq!(polled, wanted);
        }
    }
}
