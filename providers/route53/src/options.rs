//! The options of an instance.

use std::path::PathBuf;

use dns01_plugin_api::{Error, Opt, OptionSpec, Options, Secret};
use dns01_provider_http as http;

use crate::credentials::{Access, Keys, Source};

const ACCESS_KEY_ID: Opt<Option<String>> = Opt::optional("access-key-id", "id of a static access key");
const SECRET_ACCESS_KEY: Opt<Option<Secret>> =
    Opt::optional("secret-access-key", "secret of the static access key");
const SESSION_TOKEN: Opt<Option<Secret>> =
    Opt::optional("session-token", "session token of a temporary access key");
const CREDENTIALS: Opt<String> = Opt::with_default(
    "credentials",
    "auto",
    "where they come from: auto (what is configured, else imds), static, environment, profile, web-identity, \
     container, imds",
);
const PROFILE: Opt<Option<String>> = Opt::optional("profile", "profile of the two AWS files");
const CONFIG_FILE: Opt<Option<PathBuf>> = Opt::optional("config-file", "AWS config file, as ~/.aws/config");
const CREDENTIALS_FILE: Opt<Option<PathBuf>> =
    Opt::optional("credentials-file", "AWS credentials file, as ~/.aws/credentials");
const WEB_IDENTITY_TOKEN_FILE: Opt<Option<PathBuf>> = Opt::optional(
    "web-identity-token-file",
    "OIDC token that is exchanged for `role-arn`; where it is replaced, set `rotates`",
);
const EXTRA_FILES: Opt<Vec<PathBuf>> = Opt::list(
    "extra-files",
    "files that a profile or a listed variable names (SSO token, container token): the sandbox lets them be read",
);
const ROLE_ARN: Opt<Option<String>> = Opt::optional("role-arn", "role to assume with the credentials found");
const EXTERNAL_ID: Opt<Option<String>> = Opt::optional("external-id", "external id that the role demands");
const SESSION_NAME: Opt<String> = Opt::with_default(
    "session-name",
    "dns01d",
    "name of the role's session in CloudTrail",
);
const REGION: Opt<Option<String>> = Opt::optional(
    "region",
    "region, for STS and for the partition (China, GovCloud); else AWS_REGION, the profile's, us-east-1",
);
const ENDPOINT: Opt<Option<String>> = Opt::optional("endpoint", "URL of Route 53, in place of Amazon's");
const STS_ENDPOINT: Opt<Option<String>> = Opt::optional("sts-endpoint", "URL of STS, in place of Amazon's");
const IMDS_ENDPOINT: Opt<Option<String>> = Opt::optional(
    "imds-endpoint",
    "URL of the instance metadata service, in place of http://169.254.169.254",
);
const HOSTED_ZONE_ID: Opt<Option<String>> = Opt::optional(
    "hosted-zone-id",
    "the one hosted zone to write to; otherwise found by name",
);
const PRIVATE: Opt<bool> = Opt::with_default(
    "private",
    "false",
    "find private hosted zones in place of public ones",
);
const TTL: Opt<Option<u32>> = Opt::optional(
    "ttl",
    "TTL of new record sets in seconds, whatever the host asks for",
);

/// All of them.
pub(crate) const ALL: &[OptionSpec] = &[
    ACCESS_KEY_ID.spec(),
    SECRET_ACCESS_KEY.spec(),
    SESSION_TOKEN.spec(),
    CREDENTIALS.spec(),
    PROFILE.spec(),
    CONFIG_FILE.spec(),
    CREDENTIALS_FILE.spec(),
    WEB_IDENTITY_TOKEN_FILE.spec(),
    EXTRA_FILES.spec(),
    ROLE_ARN.spec(),
    EXTERNAL_ID.spec(),
    SESSION_NAME.spec(),
    REGION.spec(),
    ENDPOINT.spec(),
    STS_ENDPOINT.spec(),
    IMDS_ENDPOINT.spec(),
    HOSTED_ZONE_ID.spec(),
    PRIVATE.spec(),
    TTL.spec(),
    http::CA_FILE.spec(),
    http::PROXY.spec(),
    http::PROXY_CREDENTIALS.spec(),
    http::TIMEOUT.spec(),
];

/// What an instance was told.
#[derive(Debug)]
pub(crate) struct Settings {
    pub http: http::Settings,
    pub access: Access,
    /// Of Route 53.
    pub endpoint: Option<String>,
    /// Without the `/hostedzone/` before it.
    pub zone_id: Option<String>,
    pub private: bool,
    pub ttl: Option<u32>,
}

impl Settings {
    /// Reads and holds them against each other.
    ///
    /// # Errors
    /// Each names the option.
    pub(crate) fn read(options: &Options) -> Result<Self, Error> {
        let endpoint = |option: &Opt<Option<String>>, plain| -> Result<Option<String>, Error> {
            let text = options.read(option)?;
            let url = text
                .map(|text| http::endpoint(option.key(), &text, plain))
                .transpose()?;
            Ok(url.map(|url| url.as_str().trim_end_matches('/').to_owned()))
        };
        let zone_id = options.read(&HOSTED_ZONE_ID)?.map(zone_id).transpose()?;
        let access = Access {
            source: source(&options.read(&CREDENTIALS)?)?,
            keys: keys(options)?,
            profile: options.read(&PROFILE)?,
            config_file: options.read(&CONFIG_FILE)?,
            credentials_file: options.read(&CREDENTIALS_FILE)?,
            token_file: options.read(&WEB_IDENTITY_TOKEN_FILE)?,
            role_arn: options.read(&ROLE_ARN)?,
            external_id: options.read(&EXTERNAL_ID)?,
            session_name: options.read(&SESSION_NAME)?,
            region: options.read(&REGION)?,
            sts_endpoint: endpoint(&STS_ENDPOINT, http::Plain::Loopback)?,
            // a link-local address of the machine itself, without TLS by design
            imds_endpoint: endpoint(&IMDS_ENDPOINT, http::Plain::Anywhere)?,
        };
        consistent(&access)?;
        Ok(Self {
            http: http::Settings::read(options)?,
            access,
            endpoint: endpoint(&ENDPOINT, http::Plain::Loopback)?,
            zone_id,
            private: options.read(&PRIVATE)?,
            ttl: options.read(&TTL)?,
        })
    }
}

fn fault(key: &str, why: &str) -> Error {
    Error::config(format!("option `{key}`: {why}"))
}

fn source(text: &str) -> Result<Source, Error> {
    Ok(match text {
        "auto" => Source::Auto,
        "static" => Source::Static,
        "environment" => Source::Environment,
        "profile" => Source::Profile,
        "web-identity" => Source::WebIdentity,
        "container" => Source::Container,
        "imds" => Source::Imds,
        other => {
            let why = format!(
                "`{other}` is none of auto, static, environment, profile, web-identity, container, imds"
            );
            return Err(fault(CREDENTIALS.key(), &why));
        }
    })
}

fn keys(options: &Options) -> Result<Option<Keys>, Error> {
    let token = options.read(&SESSION_TOKEN)?;
    match (options.read(&ACCESS_KEY_ID)?, options.read(&SECRET_ACCESS_KEY)?) {
        (Some(id), Some(secret)) => Ok(Some(Keys { id, secret, token })),
        (Some(_), None) => Err(fault(
            SECRET_ACCESS_KEY.key(),
            "is missing: `access-key-id` needs it",
        )),
        (None, Some(_)) => Err(fault(
            ACCESS_KEY_ID.key(),
            "is missing: `secret-access-key` needs it",
        )),
        (None, None) if token.is_some() => Err(fault(
            SESSION_TOKEN.key(),
            "goes with `access-key-id` and `secret-access-key`",
        )),
        (None, None) => Ok(None),
    }
}

/// What was given and would be ignored is a slip.
fn consistent(access: &Access) -> Result<(), Error> {
    if access.token_file.is_some() && access.role_arn.is_none() {
        return Err(fault(
            ROLE_ARN.key(),
            "is missing: `web-identity-token-file` needs it",
        ));
    }
    if access.token_file.is_some() && access.keys.is_some() {
        return Err(fault(
            WEB_IDENTITY_TOKEN_FILE.key(),
            "is given beside `access-key-id`: give one of them",
        ));
    }
    if access.external_id.is_some() && (access.role_arn.is_none() || access.token_file.is_some()) {
        return Err(fault(
            EXTERNAL_ID.key(),
            "goes with a `role-arn` that is assumed without `web-identity-token-file`",
        ));
    }
    let unused = match access.source {
        Source::Auto | Source::Static => None,
        _ if access.keys.is_some() => Some(ACCESS_KEY_ID.key()),
        _ => None,
    };
    let needs = match access.source {
        Source::Static if access.keys.is_none() => Some(ACCESS_KEY_ID.key()),
        Source::Imds | Source::Container | Source::Environment | Source::Static | Source::Profile
            if access.token_file.is_some() =>
        {
            return Err(fault(
                WEB_IDENTITY_TOKEN_FILE.key(),
                "is given, but `credentials` names another source",
            ));
        }
        _ => None,
    };
    match (unused, needs) {
        (Some(key), _) => Err(fault(key, "is given, but `credentials` names another source")),
        (_, Some(key)) => Err(fault(key, "is missing: `credentials` is static")),
        (None, None) => Ok(()),
    }
}

fn zone_id(text: String) -> Result<String, Error> {
    let id = text.strip_prefix("/hostedzone/").unwrap_or(&text);
    let plain = |c: char| c.is_ascii_alphanumeric();
    // the SDK's limit on ids (32 characters), and what would change the path of the request
    if id.is_empty() || id.len() > 32 || !id.chars().all(plain) {
        let why = format!("`{text}` is no id of a hosted zone such as Z0123456789ABCDEFGHIJ");
        return Err(fault(HOSTED_ZONE_ID.key(), &why));
    }
    Ok(id.to_owned())
}
