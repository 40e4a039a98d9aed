//! How much strangers may try at the endpoints: RFC 6749 §10.10, OAuth 2.1 §7.7.
//!
//! A wrong secret counts for the client that it was tried for, at the address that it
//! came from; when that is used up, secrets for that client are refused at that address
//! without looking at them. Everything else that fails counts too, but only changes
//! the answer to what fails: whoever has the right code, token or assertion is served,
//! whatever others at the same address do. So nobody can keep a client out from
//! another address. Addresses of this machine and of private networks are often those of
//! proxies, which stand for everybody: there nothing is refused unseen.
//!
//! Requests that come at the same moment are counted when they have failed, so that as
//! many more as can be under way are looked at. If the store cannot count, the answer is
//! 503: what cannot be counted is not tried.
//!
//! Resource servers that ask about tokens are not counted: which tokens they are shown
//! is for strangers to choose.

use std::net::IpAddr;

use countersign_oauth::client_authentication::{ClientProof, PresentedClient};
use countersign_oauth::{ClientId, Lifetime, UnixTime};
use countersign_resource_server::limit::network::{machine_of, of_one_stranger, shares_of};
use countersign_store::CounterKey;

use crate::endpoint_budgets::EndpointBudgets;
use crate::server::Inner;
use crate::unavailable::Unavailable;

/// How much may be tried within `window` before the answer is 429.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RequestBudgets {
    /// The time within which it is counted. It begins with the first attempt, so that
    /// around its end twice as much can be tried at once, and never more.
    pub window: Lifetime,
    /// Wrong secrets for one client from one address.
    pub wrong_secrets: u64,
    /// Other failed authentications from one address.
    pub failed_authentications: u64,
    /// Codes and tokens that nobody issued, shown by one client from one address.
    pub unknown_tokens: u64,
    /// Authorization requests that begin to wait for a person, from one network, an IPv4
    /// /24 or an IPv6 /64; an IPv6 /48 may send ten times as many.
    pub authorizations: u64,
    /// Requests of one address, whatever becomes of them.
    pub endpoints: EndpointBudgets,
}

impl Default for RequestBudgets {
    fn default() -> Self {
        Self {
            window: Lifetime::from_mins(15),
            wrong_secrets: 20,
            failed_authentications: 100,
            unknown_tokens: 50,
            authorizations: 1_000,
            endpoints: EndpointBudgets::default(),
        }
    }
}

/// In how many counters the clients of one address are: their number is bounded,
/// whatever names are tried, and a name that exists counts like one that does not.
const CLIENT_COUNTERS: u8 = 64;

/// What somebody tried.
#[derive(Clone, Copy, Debug)]
enum Tried<'a> {
    Secret(&'a ClientId),
    Authentication,
    Token(&'a ClientId),
}

impl Inner {
    /// Until when secrets for the client that is presented are refused unseen.
    pub(crate) async fn secrets_are_refused(
        &self,
        presented: &PresentedClient,
        address: Option<IpAddr>,
    ) -> Result<Option<UnixTime>, Unavailable> {
        // Without an address of their own a stranger would keep the client out.
        if !has_secret(presented) || of_one_stranger(address).is_none() {
            return Ok(None);
        }
        let tried = Tried::Secret(presented.client_id());
        let budgets = &self.settings.budgets;
        let counter = counter(tried, address);
        self.over(&counter, budgets.window, budgets.wrong_secrets)
            .await
    }

    /// Counts a failed authentication; until when they are answered 429.
    pub(crate) async fn count_failed_authentication(
        &self,
        presented: Option<&PresentedClient>,
        address: Option<IpAddr>,
    ) -> Result<Option<UnixTime>, Unavailable> {
        let budgets = &self.settings.budgets;
        match presented {
            Some(presented) if has_secret(presented) => {
                let tried = Tried::Secret(presented.client_id());
                self.count(tried, address, budgets.wrong_secrets).await
            }
            _ => {
                let most = budgets.failed_authentications;
                self.count(Tried::Authentication, address, most).await
            }
        }
    }

    /// Counts a code or token of `client` that nobody issued; until when they are
    /// answered 429.
    pub(crate) async fn count_unknown_token(
        &self,
        client: &ClientId,
        address: Option<IpAddr>,
    ) -> Result<Option<UnixTime>, Unavailable> {
        let most = self.settings.budgets.unknown_tokens;
        self.count(Tried::Token(client), address, most).await
    }

    /// Counts an authorization request that is about to wait; until when they are
    /// answered 429. Each of them is written to the disk.
    pub(crate) async fn count_authorization(
        &self,
        address: Option<IpAddr>,
    ) -> Result<Option<UnixTime>, Unavailable> {
        let Some(address) = of_one_stranger(address) else {
            return Ok(None);
        };
        let budgets = &self.settings.budgets;
        for (network, most) in shares_of(address, budgets.authorizations) {
            let counter = CounterKey::new("authorization requests", &[&network]);
            let until = self.count_within(&counter, budgets.window, most).await?;
            if until.is_some() {
                return Ok(until);
            }
        }
        Ok(None)
    }

    async fn count(
        &self,
        tried: Tried<'_>,
        address: Option<IpAddr>,
        most: u64,
    ) -> Result<Option<UnixTime>, Unavailable> {
        let window = self.settings.budgets.window;
        self.count_within(&counter(tried, address), window, most)
            .await
    }

    /// Counts up to `most` within `window`, and answers until when there is no more; what
    /// is beyond is only read, so that a flood writes nothing.
    pub(crate) async fn count_within(
        &self,
        counter: &CounterKey,
        window: Lifetime,
        most: u64,
    ) -> Result<Option<UnixTime>, Unavailable> {
        let until = self.over(counter, window, most).await?;
        if until.is_none() {
            self.store.hit(counter, window, self.now()).await?;
        }
        Ok(until)
    }

    /// Until when there is no more of `most`.
    async fn over(
        &self,
        counter: &CounterKey,
        window: Lifetime,
        most: u64,
    ) -> Result<Option<UnixTime>, Unavailable> {
        let now = self.now();
        let mut hits = self.store.hits(counter, now).await?;
        if hits.is_some_and(|hits| hits.until > now.saturating_add(window)) {
            // The clock was set back; a hit makes the window end in time.
            hits = Some(self.store.hit(counter, window, now).await?);
        }
        Ok(hits
            .filter(|hits| hits.count >= most)
            .map(|hits| hits.until))
    }
}

const fn has_secret(presented: &PresentedClient) -> bool {
    matches!(
        presented.proof(),
        ClientProof::SecretBasic(_) | ClientProof::SecretPost(_)
    )
}

fn counter(tried: Tried<'_>, address: Option<IpAddr>) -> CounterKey {
    let address = address.map(machine_of).unwrap_or_default();
    match tried {
        Tried::Secret(client) => {
            CounterKey::new("wrong secrets", &[&lot_of(client), address.as_str()])
        }
        Tried::Authentication => CounterKey::new("failed authentications", &[&address]),
        Tried::Token(client) => {
            CounterKey::new("unknown tokens", &[&lot_of(client), address.as_str()])
        }
    }
}

/// Which of the [`CLIENT_COUNTERS`] the client is in.
fn lot_of(client: &ClientId) -> String {
    let digest = CounterKey::new("lot of a client", &[client.as_str()]);
    let first = digest.as_str().bytes().next().unwrap_or_default();
    (first % CLIENT_COUNTERS).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g11_any_number_of_client_names_makes_a_bounded_number_of_counters() {
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        let names = (0..10_000).map(|number| ClientId::parse(&format!("client-{number}")).unwrap());
        let counters: std::collections::BTreeSet<_> = names
            .map(|name| counter(Tried::Secret(&name), Some(address)))
            .collect();
        assert!(counters.len() > 32 && counters.len() <= usize::from(CLIENT_COUNTERS));
    }

    #[test]
    fn neighbours_have_counters_of_their_own_and_one_ipv6_network_has_one() {
        let client = ClientId::parse("C").unwrap();
        let of = |address: &str| counter(Tried::Secret(&client), address.parse().ok());
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.1"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
    }
}
