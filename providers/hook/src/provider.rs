//! The provider: one run of a program for each record, one after the other.

use dns01_plugin_api::{Batch, Call, Description, Host, Info, Level, Options, Provider, Success};
use rustix::fs::{Access, access};

use crate::convention::{Action, Convention};
use crate::error::Error;
use crate::options::{self, Settings};
use crate::program;

/// Programs of the operator.
#[derive(Debug)]
pub struct Hook {
    settings: Settings,
}

impl Provider for Hook {
    const DESCRIPTION: Description = Description {
        execs: true,
        ..Description::new(
            "hook",
            "Programs of the operator (conventions of lego, certbot and acme.sh)",
            options::ALL,
        )
    };

    fn open(_host: Host, _call: &Call<'_>, options: &Options) -> Result<Self, dns01_plugin_api::Error> {
        let settings = Settings::read(options)?;
        Ok(Self { settings })
    }

    fn info(&self) -> Info {
        self.convention().info()
    }

    fn present(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), dns01_plugin_api::Error> {
        Ok(self.run_all(call, batch, Action::Present)?)
    }

    fn remove(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), dns01_plugin_api::Error> {
        Ok(self.run_all(call, batch, Action::Remove)?)
    }

    /// A dry run of programs that have none: are they there, and may they be run?
    fn check(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), dns01_plugin_api::Error> {
        for program in self.convention().programs() {
            access(&program, Access::EXEC_OK).map_err(|error| Error::Missing {
                program: program.display().to_string(),
                source: error.into(),
            })?;
        }
        // what a convention cannot say of a name shows without a run
        for at in 0..batch.records().len() {
            let said = self
                .convention()
                .command(Action::Present, batch.records(), at)
                .map(|command| {
                    Success::unchanged().with_message(format!(
                        "{} can be run; what it does, only a canary shows",
                        command.name
                    ))
                });
            batch.settle(at, said.map_err(dns01_plugin_api::Error::from));
        }
        if batch.records().is_empty() {
            call.log(Level::Info, "the programs can be run");
        }
        Ok(())
    }
}

impl Hook {
    fn convention(&self) -> &Convention {
        &self.settings.convention
    }

    /// What one program fails at does not hinder the others; what is not settled when a call ends was not
    /// started.
    fn run_all(&self, call: &Call<'_>, batch: &mut Batch<'_>, action: Action) -> Result<(), Error> {
        for at in 0..batch.records().len() {
            match self.run(call, batch, action, at) {
                Err(error) if error.ends_call() => return Err(error),
                outcome => batch.settle(at, outcome.map_err(dns01_plugin_api::Error::from)),
            }
        }
        Ok(())
    }

    fn run(&self, call: &Call<'_>, batch: &Batch<'_>, action: Action, at: usize) -> Result<Success, Error> {
        let mut command = self.convention().command(action, batch.records(), at)?;
        command.input = command.input.or_else(|| self.settings.stdin.clone());
        let capture = match action {
            Action::Present => self.convention().captures(),
            Action::Remove => 0,
        };
        let output = program::run(call, &command, capture)?;
        if capture == 0 {
            return Ok(Success::done());
        }
        let Some(output) = output else {
            let line = format!(
                "{} printed more than {capture} bytes, so it is not handed on",
                command.name
            );
            call.log(Level::Warn, &line);
            return Ok(Success::done());
        };
        Ok(Success::done().with_handle(output.trim()))
    }
}
