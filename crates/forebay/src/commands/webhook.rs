//! `forebay instance webhook`

use application::{
    instances::Push,
    webhooks::{self, WebhookHealth, WebhookValues},
};
use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;

use crate::{
    cli::webhook::{WebhookArgs, WebhookCommand},
    failure::Failure,
    output,
    wiring::Wiring,
};

pub(super) async fn run(wiring: &Wiring, command: &WebhookCommand, as_json: bool) -> Result<(), Failure> {
    let (WebhookCommand::Show(arguments)
    | WebhookCommand::Register(arguments)
    | WebhookCommand::Values(arguments)
    | WebhookCommand::Rotate(arguments)
    | WebhookCommand::Remove(arguments)) = command;
    let WebhookArgs { name, tenant } = arguments;
    let (tenant, instance) = wiring.instance(tenant.tenant.as_deref(), name).await?;
    let (services, operator, name) = (&wiring.services, Wiring::operator(&tenant), &instance.name);
    let push = if wiring.address_known { Push::Register } else { Push::Leave };
    let health = match command {
        WebhookCommand::Values(_) => {
            let values = webhooks::webhook_values(services, &operator, name).await?;
            return if as_json { output::json(&values.revealed()) } else { show_values(&values) };
        }
        WebhookCommand::Show(_) => webhooks::webhook_health(services, &operator, name).await?,
        WebhookCommand::Register(_) => webhooks::register_webhook(services, &operator, name, push).await?,
        WebhookCommand::Rotate(_) => webhooks::rotate_webhook(services, &operator, name, push).await?,
        WebhookCommand::Remove(_) => webhooks::remove_webhook(services, &operator, name).await?,
    };
    if as_json {
        return output::json(&health);
    }
    show(&health)?;
    if matches!(command, WebhookCommand::Rotate(_)) {
        output::note(&format!(
            "the old secret and address are refused from now on; whoever entered them by hand needs `forebay instance webhook values {name}`"
        ));
    }
    Ok(())
}

fn show(health: &WebhookHealth) -> Result<(), Failure> {
    let Some(kept) = &health.registration else {
        return output::line("the site was never asked: `forebay instance test` registers a webhook");
    };
    output::line(&match kept.delivers() {
        true => format!(
            "{} webhook {} is registered since {}",
            kept.kind.as_str(),
            kept.ids.join(", "),
            time(kept.registered_at)
        ),
        false => format!("no webhook: {}", kept.explanation()),
    })?;
    if let Some(end) = kept.expires_at {
        output::note(&format!("it ends {}, and is given another 30 days before", time(Some(end))));
    }
    if let Some(note) = kept.problem.as_ref().filter(|_| kept.delivers()) {
        output::note(note);
    }
    output::note(&format!(
        "the site was asked {}; the latest delivery came {}",
        time(Some(kept.checked_at)),
        time(health.last_delivery_at)
    ));
    if let Some(problem) = health.problem().filter(|_| kept.delivers()) {
        output::note(&problem);
    }
    Ok(())
}

fn show_values(values: &WebhookValues) -> Result<(), Failure> {
    let lines = [
        format!("page          {}", values.page),
        format!("name          {}", values.name),
        format!("url           {}", values.url),
        format!("secret        {}", values.secret.expose_secret()),
        format!("unsigned url  {}", values.unsigned_url.expose_secret()),
        format!("without body  {}", values.without_body),
        "jql           (leave it empty)".to_owned(),
        format!("events        {}", values.events.join(", ")),
    ];
    for line in lines {
        output::line(&line)?;
    }
    output::note(
        "Jira Cloud, and Data Center with a field for a secret: enter url and secret. Others cannot sign: enter the unsigned url, which is a secret itself.",
    );
    output::note("Where \"Exclude body\" is ticked, append what stands behind \"without body\" to the url.");
    Ok(())
}

fn time(at: Option<DateTime<Utc>>) -> String {
    at.map_or_else(|| "never".to_owned(), |at| at.format("%Y-%m-%d %H:%M UTC").to_string())
}
