use anyhow::Result;

use super::{Context, serving, viewing};
use crate::args::MountArgs;
use crate::commands::serving::Serving;
use crate::error::Outcome;
use crate::platform::daemon;

pub fn run(context: &mut Context, args: &MountArgs) -> Result<Outcome> {
    let (settings, words) = viewing::settings(context, &args.view)?;
    if args.daemon {
        return daemon::start(&context.global, &settings.repository, args);
    }
    if args.daemon_child {
        daemon::leave_terminal()?;
    }
    let (view, _) = viewing::of_mount(context, &settings, args, &words)?;
    let forbidden = [("the repository", settings.repository.as_path())];
    let point = serving::check_point(&context.output, &args.mountpoint, &forbidden, None)?;
    let options = serving::mount_options(&settings, words);
    let serving = Serving::start(view, &point, &options, || {})?;
    let ready = if args.daemon_child {
        daemon::ready()
    } else {
        context.output.note(&format!(
            "mounted {} at {}; Ctrl-C unmounts",
            settings.repository.display(),
            args.mountpoint.display()
        ));
        Ok(())
    };
    serving.finish(ready)?;
    Ok(Outcome::Done)
}
