//! What the declaration cannot tell of a difference between an image's old and new inputs. Nothing here does I/O.

use pulumi::diff::{Change, ChangeKind};
use pulumi::path::Path;
use pulumi::{Failure, Lazy};

use crate::ecs::images::attributes::{ATTRIBUTES, Attribute, Effect, NAME};
use crate::ecs::images::entry::{CARRIED_OUT, Entry};
use crate::ecs::images::inputs::Inputs;

/// Takes out what is no difference, and returns what the user is told of that. Adds what an update that went half way has made
/// different.
///
/// # Errors
/// If the inputs cannot be read.
pub(crate) fn reconsider<A: Inputs>(
    state: &Lazy<'_, Entry<A>>,
    olds: &Lazy<'_, A>,
    news: &Lazy<'_, A>,
    changes: &mut Vec<Change>,
) -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    for change in std::mem::take(changes) {
        // Most changes are what they seem, and reading a state takes longer than comparing inputs.
        let is_none = may_be_none::<A>(&change) && {
            let (state, olds, news) = (state.get()?, olds.get()?, news.get()?);
            is_satisfied_by_any(&change, state, news)
                || is_unreported_of_the_adopted(&change, state)
                || is_taken_on_trust(&change, state, olds, news, &mut lines)
        };
        if !is_none {
            changes.push(change);
        }
    }
    if state.has(CARRIED_OUT) {
        compare_with_carried_out(state.get()?, olds.get()?, news.get()?, changes);
    }
    Ok(lines)
}

/// Compares the program with what an update that went half way has carried out: the old inputs are from before that.
fn compare_with_carried_out<A: Inputs>(state: &Entry<A>, olds: &A, news: &A, changes: &mut Vec<Change>) {
    let (wanted, now) = (news.attributes(), state.args.attributes());
    let given = state.kept.tags_given_with(olds);
    for property in state.kept.carried_out.iter().flatten() {
        let is_change_of = |change: &Change| change.path.first_key() == Some(property);
        // A value that leaves the property to the cloud is not satisfied by what that update has asked for.
        let is_another = |attribute: &Attribute| (attribute.of)(&wanted) != (attribute.of)(&now);
        let differs = wanted.effect(property, &now, &given) != Effect::Shown
            || left_to_the_cloud(property).is_some_and(is_another);
        if !differs {
            changes.retain(|change| !is_change_of(change));
        } else if !changes.iter().any(is_change_of) {
            let path = Path::property(property);
            changes.push(Change { path, kind: ChangeKind::Update, replace: false });
        }
    }
}

/// Names are unique, so a name that the program keeps must be free before the replacement can have it. An automatic one is
/// another in the replacement.
pub(crate) fn deletes_before_replacing<A: Inputs>(olds: &A, news: &A) -> bool {
    let name = news.attributes().name;
    name.is_some() && name == olds.attributes().name && !news.is_filled_in(NAME)
}

/// Whether a change may turn out to be none.
fn may_be_none<A: Inputs>(change: &Change) -> bool {
    let Some(key) = change.path.first_key() else { return false };
    match change.kind {
        ChangeKind::Add => {
            A::RECORDED.contains(&key) || A::SOURCES.contains(&key) || left_to_the_cloud(key).is_some()
        }
        ChangeKind::Delete => is_not_cleared(key),
        // Of a source, an empty text says as little as an absent one.
        ChangeKind::Update => A::SOURCES.contains(&key),
    }
}

/// Whether leaving out a property asks for nothing, as the cloud cannot clear it.
fn is_not_cleared(key: &str) -> bool {
    ATTRIBUTES.iter().any(|attribute| attribute.top() == key && !attribute.clears)
}

/// The attribute of a property that a program may leave to the cloud by a value of its own.
fn left_to_the_cloud(key: &str) -> Option<&'static Attribute> {
    ATTRIBUTES.iter().find(|attribute| attribute.top() == key && attribute.any.is_some())
}

/// A program that begins to leave a property to the cloud is content with what the cloud has made of it.
fn is_satisfied_by_any<A: Inputs>(change: &Change, state: &Entry<A>, news: &A) -> bool {
    let Some(attribute) = change.path.first_key().and_then(left_to_the_cloud) else { return false };
    change.kind == ChangeKind::Add
        && (attribute.of)(&news.attributes()).as_deref() == attribute.any
        && (attribute.of)(&state.args.attributes()).is_some()
}

/// What `pulumi import` could not fill in, as the cloud does not report it, is only recorded. And leaving out what the
/// cloud cannot clear asks for nothing.
fn is_unreported_of_the_adopted<A: Inputs>(change: &Change, state: &Entry<A>) -> bool {
    let Some(key) = change.path.first_key().filter(|_| state.kept.adopted == Some(true)) else {
        return false;
    };
    match change.kind {
        ChangeKind::Add => A::RECORDED.contains(&key),
        ChangeKind::Delete => is_not_cleared(key),
        ChangeKind::Update => false,
    }
}

/// Whether a change only says what the image was made of, which the cloud does not report and nobody has said so far.
fn is_taken_on_trust<A: Inputs>(
    change: &Change,
    state: &Entry<A>,
    olds: &A,
    news: &A,
    lines: &mut Vec<String>,
) -> bool {
    let Some(key) = change.path.first_key().filter(|key| A::SOURCES.contains(key)) else { return false };
    if change.kind == ChangeKind::Delete {
        return false;
    }
    let adopted = state.kept.adopted == Some(true);
    let Some(source) = news.source_taken_on_trust(key, &state.args, olds, adopted) else { return false };
    lines.push(format!(
        "{key} {source} is taken for what this imported image was made of, which the cloud does not report: it is recorded, and \
         nothing is called or replaced"
    ));
    true
}
