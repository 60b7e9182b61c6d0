//! The command line: one file per command. Exit codes: 0 done, 1 failed, 2 wrong usage or a mistake in the configuration.

mod check;
mod explain;
mod export;
mod health;
mod keep;
mod serve;

use std::{
    ffi::OsString,
    fmt,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};

use crate::{
    config::{Flags, Mistake, Sources},
    functions::keeper,
    import::{self, Loaded},
    kit::text,
};

/// Commands that have a name already, and nothing else.
const NOT_BUILT: [&str; 5] = ["import", "backup", "restore", "keys", "token"];
const BUILT: [&str; 5] = ["serve", "check", "explain", "export", "health"];

/// A self-hosted identity provider that speaks the Amazon Cognito user-pools API, with a gateway that enforces its tokens.
///
/// Without a command it serves.
#[derive(Debug, Parser)]
#[command(name = "poolhouse", version, args_conflicts_with_subcommands = true)]
#[command(after_help = "Example:\n  poolhouse --config poolhouse.toml")]
struct Line {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Places,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Applies the configuration and serves
    #[command(after_help = "Example:\n  poolhouse serve --config poolhouse.toml --listen 127.0.0.1:9229")]
    Serve(Places),
    /// Reports every mistake in the configuration, with file and line, and touches nothing
    #[command(after_help = "Example:\n  poolhouse check --config poolhouse.toml")]
    Check(Places),
    /// Shows which route a request finds and every check of its authorizer; exits with 1 where the request is refused
    #[command(after_help = "Example:\n  poolhouse explain --route \"GET /AdminUser\" --token eyJraWQ…")]
    Explain(explain::Asked),
    /// Writes what runs here as a CloudFormation template
    #[command(after_help = "Example:\n  poolhouse export --format cloudformation > template.json")]
    Export(export::Wanted),
    /// Exits with 0 when the running server is ready, for container health checks
    #[command(after_help = "Example:\n  poolhouse health --config /etc/poolhouse/poolhouse.toml")]
    Health(Places),
    /// Stays beside a process of a function; the server starts it
    #[command(name = keeper::KEEP, hide = true)]
    Keep(keep::Told),
    /// Gives up what a sandbox denies and becomes a function's command; the keeper starts it
    #[command(name = keeper::CONFINE, hide = true)]
    Confine(keep::Told),
    #[command(external_subcommand)]
    Other(Vec<OsString>),
}

/// Where things are. A flag wins over the environment, and that over the file.
#[derive(Debug, Args)]
struct Places {
    /// The configuration file [default: poolhouse.toml, when there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder for what the server makes: the SQLite file and the master key
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// The main listener
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// The gateway's listener
    #[arg(long, value_name = "ADDR")]
    gateway_listen: Option<String>,
    /// CloudFormation, SAM or OpenAPI documents, or `cdk.out` folders
    #[arg(long, value_name = "FILE", num_args = 1..)]
    template: Vec<String>,
    /// A value for a parameter of the templates
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    parameter: Vec<(String, String)>,
    /// An id for a pool, a client or an API of the templates, in place of a derived one
    #[arg(long, value_name = "LOGICAL=ID", value_parser = pair)]
    id: Vec<(String, String)>,
    /// Starts in spite of what the templates ask for and this server lacks
    #[arg(long)]
    ignore_warnings: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("there is no `=` in it")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Why a command did not do what was asked.
#[derive(Debug)]
enum Failure {
    /// The command line or the configuration is wrong.
    Usage(String),
    Mistakes(Vec<Mistake>),
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// Runs the command of `arguments`, whose first is the program's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let line = match Line::try_parse_from(arguments) {
        Ok(line) => line,
        Err(error) => {
            // Nobody is left to tell when the terminal is gone.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let outcome = match line.command.unwrap_or(Command::Serve(line.serve)) {
        Command::Serve(places) => places.sources().and_then(serve::run),
        Command::Check(places) => places.sources().and_then(check::run),
        Command::Explain(asked) => explain::run(asked),
        Command::Export(wanted) => export::run(wanted),
        Command::Health(places) => places.sources().and_then(health::run),
        Command::Keep(told) => return keep::keep(&told),
        Command::Confine(told) => return keep::confine(&told),
        Command::Other(words) => Err(unknown(&words)),
    };
    let code = match &outcome {
        Ok(()) => 0,
        Err(Failure::Failed(_)) => 1,
        Err(Failure::Usage(_) | Failure::Mistakes(_)) => 2,
    };
    if let Err(failure) = outcome {
        let _ = write!(io::stderr(), "{failure}");
    }
    ExitCode::from(code)
}

fn unknown(words: &[OsString]) -> Failure {
    let word = words.first().map(|word| word.to_string_lossy()).unwrap_or_default();
    if NOT_BUILT.contains(&word.as_ref()) {
        return Failure::Usage(format!("the command \"{word}\" is not built yet"));
    }
    let hint = text::nearest(&word, BUILT).map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default();
    Failure::Usage(format!("there is no command \"{word}\"{hint}"))
}

impl Places {
    fn sources(self) -> Result<Sources, Failure> {
        let flags = Flags {
            data: self.data,
            listen: self.listen,
            gateway_listen: self.gateway_listen,
            templates: self.template,
            parameters: self.parameter,
            ids: self.id,
            ignore_warnings: self.ignore_warnings,
        };
        Ok(Sources::of_process(self.config, flags))
    }
}

/// The configuration, judged by everybody who can judge it without touching anything.
fn load(sources: &Sources, code: Option<PathBuf>) -> Result<Loaded, Failure> {
    let loaded = import::load(sources, code).map_err(Failure::Mistakes)?;
    let mut mistakes = crate::server::check(&loaded.config);
    if mistakes.is_empty() {
        return Ok(loaded);
    }
    Mistake::sort(&mut mistakes);
    Err(Failure::Mistakes(mistakes))
}

/// Ends with a line break.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) => writeln!(f, "poolhouse: {message}"),
            Self::Failed(error) => writeln!(f, "poolhouse: {error:#}"),
            Self::Mistakes(mistakes) => {
                for mistake in mistakes {
                    writeln!(f, "{mistake}")?;
                }
                let count = match mistakes.len() {
                    1 => "one mistake".to_owned(),
                    count => format!("{count} mistakes"),
                };
                writeln!(f, "poolhouse: {count} in the configuration; nothing was changed")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound_and_every_command_has_an_example() {
        let line = Line::command();
        line.clone().debug_assert();
        for name in BUILT {
            let help = line.find_subcommand(name).unwrap().clone().render_help().to_string();
            assert!(help.contains(&format!("Example:\n  poolhouse {name}")), "{help}");
            assert!(help.contains("--template"), "{help}");
        }
    }

    #[test]
    fn what_is_not_built_says_so() {
        let said = |word: &str| unknown(&[OsString::from(word)]).to_string();
        for name in NOT_BUILT {
            assert_eq!(said(name), format!("poolhouse: the command \"{name}\" is not built yet\n"));
        }
        assert_eq!(said("chekc"), "poolhouse: there is no command \"chekc\" (did you mean `check`?)\n");
    }

    #[test]
    fn templates_come_with_parameters_and_ids() {
        let said = ["poolhouse", "serve", "--template", "a.yaml", "b.yaml", "--parameter", "A=b=c", "--id", "Pool=x"];
        let Some(Command::Serve(places)) = Line::try_parse_from(said).unwrap().command else { panic!("serve") };
        let flags = places.sources().unwrap().flags;
        assert_eq!(flags.templates, ["a.yaml", "b.yaml"]);
        assert_eq!(flags.parameters, [("A".to_owned(), "b=c".to_owned())]);
        assert_eq!(flags.ids, [("Pool".to_owned(), "x".to_owned())]);
        assert!(Line::try_parse_from(["poolhouse", "serve", "--parameter", "A"]).is_err());
    }
}
