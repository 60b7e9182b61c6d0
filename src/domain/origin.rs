//! Where a request comes from, as far as it is known.

use std::net::IpAddr;

use super::Client;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The peer, or whom a trusted proxy speaks for.
    pub address: Option<IpAddr>,
    pub user_agent: Option<String>,
    /// What the caller says of the one that it asks for.
    pub said: Said,
}

/// What a call tells of the user behind its caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Said {
    #[default]
    Nothing,
    /// A signed call, with the address of its `ContextData` if it has one.
    ByAdministrator(Option<IpAddr>),
    /// `UserContextData` of an application. It counts if the client is trusted with it.
    ByClient(Option<IpAddr>),
}

impl Origin {
    /// The address of the user. An application's word is taken only where the client's
    /// `EnablePropagateAdditionalUserContextData` says so, which only clients with a secret can have.
    pub fn user_address(&self, client: Option<&Client>) -> Option<IpAddr> {
        let said = match self.said {
            Said::Nothing => None,
            Said::ByAdministrator(address) => address,
            Said::ByClient(address) => {
                let is_trusted =
                    |client: &&Client| client.settings.enable_propagate_additional_user_context_data == Some(true);
                client.filter(is_trusted).and(address)
            }
        };
        said.or(self.address)
    }

    /// The address that limits count by: the user's. Of somebody whom an administrator speaks for, only what the administrator says
    /// of them: one server of an application signs in everybody.
    pub fn limited_address(&self, client: Option<&Client>) -> Option<IpAddr> {
        match self.said {
            Said::ByAdministrator(address) => address,
            Said::Nothing | Said::ByClient(_) => self.user_address(client),
        }
    }

    /// Browser and system in the service's manner: `Chrome 126, Windows 10`.
    pub fn device_name(&self) -> Option<String> {
        let agent = self.user_agent.as_deref()?;
        let system = system_of(agent);
        let browser = browser_of(agent);
        (browser.is_some() || system.is_some())
            .then(|| format!("{}, {}", browser.as_deref().unwrap_or("Other"), system.unwrap_or("Other")))
    }
}

/// The first that is named; those that pretend to be others come first.
fn browser_of(agent: &str) -> Option<String> {
    const BROWSERS: [(&str, &str); 6] = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("CriOS/", "Chrome"),
        ("Version/", "Safari"),
    ];
    let (mark, name) = BROWSERS.into_iter().find(|(mark, _)| agent.contains(mark))?;
    let version = agent.split_once(mark)?.1;
    let major: String = version.chars().take_while(char::is_ascii_digit).take(6).collect();
    Some(format!("{name} {major}").trim_end().to_owned())
}

fn system_of(agent: &str) -> Option<&'static str> {
    const SYSTEMS: [(&str, &str); 9] = [
        ("Windows NT 10", "Windows 10"),
        ("Windows", "Windows"),
        ("iPhone", "iOS"),
        ("iPad", "iOS"),
        ("Android", "Android"),
        ("CrOS", "Chrome OS"),
        ("Mac OS X", "Mac OS X"),
        ("Macintosh", "Mac OS X"),
        ("Linux", "Linux"),
    ];
    SYSTEMS.into_iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_named_by_browser_and_system() {
        let name = |agent: &str| Origin { user_agent: Some(agent.to_owned()), ..Origin::default() }.device_name();
        let windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";
        assert_eq!(name(windows).as_deref(), Some("Chrome 126, Windows 10"));
        assert_eq!(name(&format!("{windows} Edg/126.1")).as_deref(), Some("Edge 126, Windows 10"));
        let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Mobile/15E148 Safari/604.1";
        assert_eq!(name(phone).as_deref(), Some("Safari 17, iOS"));
        assert_eq!(name("Boto3/1.34 (Linux)").as_deref(), Some("Other, Linux"));
        assert_eq!(name("curl/8"), None);
    }
}
