//! One image and no more, whatever call makes it and whatever happened before.
//!
//! The process may die after the cloud made an image and before the engine has its id. What then tells that image from one
//! that a state holds is in `unfinished.rs`: it is made under a name that says so, and the last call of the create
//! gives it its own. Here is what follows from that:
//!
//! - What is found under the unfinished name is taken up again, whether the account's list, the token or the taken name
//!   leads to it. This does not rest on tokens, which the cloud forgets.
//! - What the token leads to under another name was finished by an earlier create. It is some state's, or was retained, or
//!   its create was killed between the last call and the save. It is named in a warning, and the next token makes another.
//! - A token may also lead to an image that has been deleted since. The next one, made from the first and that id, settles
//!   it: if the unfinished name is free the image is gone and the new one is made; if not, the image is only not visible yet.
//! - From the first id on, nothing fails plainly that may leave an image behind.
//!
//! An engine that does not tell the provider's id gives no way to tell one state from another. There the image gets its own
//! name at once and the token is random: what a crash leaves behind is found by its name, or not at all.

use std::time::Duration;

use aliyun::ecs::Image as Described;
use pulumi::{Context, Failure, Look};
use tokio::time::Instant;

use crate::client::Client;
use crate::ecs::images::account::Owned;
use crate::ecs::images::attributes::NAME;
use crate::ecs::images::delete::Deletion;
use crate::ecs::images::entry::{Entry, Kept};
use crate::ecs::images::inputs::Inputs;
use crate::ecs::images::memory::Memory;
use crate::ecs::images::partial::{in_state, late_properties};
use crate::ecs::images::status::CREATE_FAILED;
use crate::ecs::images::taken::{Holder, NAME_TAKEN, holder_of, import_command, name_taken, refused_name};
use crate::ecs::images::unfinished::{Naming, Unfinished};
use crate::ecs::images::wait::{Wait, is_usable};
use crate::failure;

/// A call that makes an image.
pub(crate) trait Making: Sync {
    /// The action's name.
    const ACTION: &'static str;

    /// Its parameters as they are sent, without name and token.
    fn parameters(&self) -> Vec<(String, String)>;

    /// Sends it, for an image of this name and with this token; the image's id.
    fn send(
        &self,
        client: &Client,
        context: &Context,
        name: Option<&str>,
        token: &str,
    ) -> impl Future<Output = Result<String, aliyun::Error>> + Send;

    /// The task that makes an image, if an answer to this call has told it.
    fn task_of(&self, _image: &str) -> Option<String> {
        None
    }

    /// What to do about a refusal of this action, if its own text does not say it: by the error's code. It begins with the
    /// property that it is about, if it is about one.
    fn advice(&self, _code: &str) -> Option<String> {
        None
    }
}

/// Codes that say: this token has been used with another request. Source: the action's error table and the common one.
const TOKEN_OF_ANOTHER_REQUEST: [&str; 4] = [
    "IdempotenceParamNotMatch",
    "IdempotentParameterMismatch",
    "InvalidParamter.Conflict",
    "InvalidIdempotenceParameter.Mismatch",
];
/// How long an interrupted call may take to say which image it made, before the operation ends without knowing.
const LAST_WORD: Duration = Duration::from_millis(1500);
/// How many answers that lead to images which are not wanted are followed. Each stands for one earlier image of the same
/// resource, made of the same parameters within the time that the cloud remembers tokens.
const MOST_HOPS: usize = 100;

/// An image that exists in the cloud.
#[derive(Debug)]
pub(crate) struct Made {
    /// Its id.
    pub(crate) id: String,
    /// The name that it bears until it is finished; `None` if it has its own already.
    pub(crate) unfinished: Option<String>,
    /// What the look at it showed, if there was one.
    pub(crate) seen: Option<Described>,
}

/// Makes the image, or takes up the one that an interrupted create of this resource left unfinished. `mark` is of the entry
/// that the state will have.
///
/// # Errors
/// Plain, if no image is left behind; otherwise partial.
pub(crate) async fn claim<A: Inputs, M: Making>(
    client: &Client,
    context: &Context,
    memory: &Memory,
    args: &A,
    making: &M,
    mark: &str,
) -> Result<Made, Failure> {
    let attempt = Attempt { client, context, memory, args, making, mark };
    let name = args.attributes().name;
    if let Some(name) = &name {
        attempt.claim_name(name).await?;
    }
    let (Some(provider), Some(name)) = (&client.provider_id, &name) else {
        return attempt.make_at_once(name.as_deref()).await;
    };
    let naming = match args.is_filled_in(NAME) {
        true => Naming::Automatic,
        false if context.is_secret(name) => Naming::Secret,
        false => Naming::Given,
    };
    let sent = making.parameters();
    let unfinished = Unfinished::new(provider, context.urn(), client.api.region(), name, sent, naming);
    attempt.warn_of_others(&unfinished).await?;
    Box::pin(attempt.make_unfinished(&unfinished)).await
}

/// What the cloud says to the call that makes an image.
enum Answer {
    Id(String),
    NameTaken(aliyun::Error),
}

/// What the search for an unfinished name that is taken has come to.
enum ByName {
    /// The image that has it.
    Made(Box<Made>),
    /// The name was free after all, and this is the cloud's answer: a new image, or one that the token has made before.
    Answered(String),
}

struct Attempt<'a, A, M> {
    client: &'a Client,
    context: &'a Context,
    memory: &'a Memory,
    args: &'a A,
    making: &'a M,
    mark: &'a str,
}

impl<A: Inputs, M: Making> Attempt<'_, A, M> {
    /// Takes the name for this resource, if no other of the program and no image of the account has it.
    async fn claim_name(&self, name: &str) -> Result<(), Failure> {
        let Some(other) = self.memory.claim_name(name, self.context.urn()) else {
            return self.check_name_is_free(name).await;
        };
        let owner = self.client.account.owner_of(self.context, name).await?;
        Err(Failure::Refused(match owner {
            Some(owner) => format!("{NAME_TAKEN}: {}", name_taken(self.context, name, Some(&owner.id))),
            None => format!(
                "{NAME_TAKEN}: imageName: {other} of this program has the name {name:?} as well, and names are unique in an \
                 account and region; give another imageName, or leave it out"
            ),
        }))
    }

    /// A name that somebody has is refused before anything is made. The cloud itself refuses it only when the name is given,
    /// which is the last call of the create.
    async fn check_name_is_free(&self, name: &str) -> Result<(), Failure> {
        let images = self.client.account.images(self.context).await?;
        let Some(owner) = images.iter().find(|image| image.name == name) else { return Ok(()) };
        match self.client.looks.describe(self.context, &owner.id).await? {
            Some(seen) => self.refuse_if_named(&seen),
            None => Ok(()),
        }
    }

    /// Refuses to make another image if this one has the name that the new one is to have. The last call of a create that
    /// was killed may come to the cloud while the next create looks around.
    fn refuse_if_named(&self, seen: &Described) -> Result<(), Failure> {
        let name = self.args.attributes().name;
        match (&name, &seen.image_name) {
            (Some(name), Some(other)) if name == other => Err(Failure::Refused(format!(
                "{NAME_TAKEN}: {}",
                name_taken(self.context, name, seen.image_id.as_deref())
            ))),
            _ => Ok(()),
        }
    }

    /// Names what interrupted creates of this resource left behind and this one does not take up, as the program asks for
    /// something else now.
    async fn warn_of_others(&self, unfinished: &Unfinished) -> Result<(), Failure> {
        let images = self.client.account.images(self.context).await?;
        for other in images {
            let left_behind = unfinished.is_of_resource(&other.name) && other.name != unfinished.name;
            if !left_behind || self.memory.is_held(&other.id) {
                continue;
            }
            let seen = self.client.looks.describe(self.context, &other.id).await?;
            if seen.and_then(|seen| seen.image_name).as_ref() == Some(&other.name) {
                self.context.warn(&format!(
                    "image {} ({}) is unfinished, and no image that the program asks for now. An earlier `pulumi up` of this \
                     resource was interrupted before it, or another stack of the same name makes it. It is not renamed and not \
                     deleted. If no stack holds it, delete it, or take it into a stack: {}",
                    other.id,
                    other.name,
                    import_command(self.context, &other.id)
                ));
            }
        }
        Ok(())
    }

    /// For engines that do not say whose the state is.
    async fn make_at_once(&self, name: Option<&str>) -> Result<Made, Failure> {
        let token = format!("pulumi-{}", uuid::Uuid::new_v4().simple());
        let mut wait = Wait::begin(self.client, self.context);
        loop {
            let error = match self.send(name, &token).await? {
                Answer::Id(id) => return Ok(Made { id, unfinished: None, seen: None }),
                Answer::NameTaken(error) => error,
            };
            let name = name.unwrap_or_default();
            match holder_of(self.client, self.context, name, &wait).await? {
                Holder::Leaving => wait.pause().await?,
                Holder::Nobody => return Err(refused_name(self.context, name, None, &error)),
                Holder::Image(owner) => return Err(refused_name(self.context, name, Some(&owner), &error)),
            }
        }
    }

    async fn make_unfinished(&self, unfinished: &Unfinished) -> Result<Made, Failure> {
        let account = self.client.account.images(self.context).await?;
        let listed = account.iter().find(|image| image.name == unfinished.name);
        // What few creates come to is boxed here and below, so that the others do not hold the room.
        if let Some(made) = Box::pin(self.take_up(listed, unfinished, false)).await? {
            return Ok(made);
        }
        let mut token = unfinished.token.clone();
        // An image that the cloud has answered with and does not show: gone, or not visible yet.
        let mut unseen: Option<String> = None;
        for _ in 0..MOST_HOPS {
            let answer = self.send(Some(&unfinished.name), &token).await;
            let id = match (answer, unseen.clone()) {
                (Ok(Answer::Id(id)), _) => id,
                (Ok(Answer::NameTaken(error)), unseen) => {
                    let found = Box::pin(self.find_by_name(unfinished, &token, unseen.clone(), error)).await;
                    match (found, unseen) {
                        // The wait that follows says that the time is up, and what to do.
                        (Err(_), Some(id)) if Instant::now() >= self.context.deadline() => {
                            return Ok(self.found(id, unfinished, None));
                        }
                        (Err(failure), _) => return Err(failure),
                        (Ok(ByName::Made(made)), _) => return Ok(*made),
                        (Ok(ByName::Answered(id)), _) => id,
                    }
                }
                (Err(_), Some(id)) if Instant::now() >= self.context.deadline() => {
                    return Ok(self.found(id, unfinished, None));
                }
                (Err(failure), Some(id)) => return Err(self.partial(&id, unfinished, failure)),
                (Err(failure), None) => return Err(failure),
            };
            // An image that had another name before is some state's or nobody's, and no failure may bring it into this one.
            if let Some(finished) =
                account.iter().find(|image| image.id == id && image.name != unfinished.name)
            {
                self.warn_of_finished(&id, &finished.name);
                token = Unfinished::token_after(&token, &id);
                unseen = None;
                continue;
            }
            // After an answer that led to no image the next one is most likely new, and only not visible yet.
            let patience = self.client.patience.unseen / if unseen.is_some() { 4 } else { 1 };
            let seen = match self.look(&id, patience).await {
                Ok(seen) => seen,
                // The wait that follows says that the time is up, and what to do.
                Err(_) if Instant::now() >= self.context.deadline() => {
                    return Ok(self.found(id, unfinished, None));
                }
                Err(failure) => return Err(self.partial(&id, unfinished, failure)),
            };
            token = Unfinished::token_after(&token, &id);
            match seen {
                Some(seen) if seen.image_name.as_deref() == Some(&unfinished.name) => {
                    return Ok(self.found(id, unfinished, Some(seen)));
                }
                Some(seen) => {
                    self.refuse_if_named(&seen)?;
                    self.warn_of_finished(&id, seen.image_name.as_deref().unwrap_or_default());
                    unseen = None;
                }
                None => unseen = Some(id),
            }
        }
        let text = format!(
            "the cloud answered {MOST_HOPS} requests for a new image with images that it does not show or that are finished"
        );
        Err(match unseen {
            Some(id) => self.partial(&id, unfinished, Failure::Refused(text)),
            None => Failure::Refused(text),
        })
    }

    /// An image under the unfinished name, if a look confirms that it bears it. One of an earlier create that could not be made
    /// is of no use to anybody and stands in the way, so it is deleted. Of an image that this create's own calls have led to
    /// (`is_own`) the user is told nothing, and that it could not be made is this create's own failure.
    async fn take_up(
        &self,
        listed: Option<&Owned>,
        unfinished: &Unfinished,
        is_own: bool,
    ) -> Result<Option<Made>, Failure> {
        let Some(owned) = listed else { return Ok(None) };
        let Some(seen) = self.client.looks.describe(self.context, &owned.id).await? else { return Ok(None) };
        if seen.image_name.as_deref() != Some(&unfinished.name) {
            self.refuse_if_named(&seen)?;
            return Ok(None);
        }
        if let Some(other) = self.memory.other_holder(&owned.id, self.context.urn()) {
            return Err(Failure::Refused(format!(
                "image {} ({}) was left unfinished by an earlier `pulumi up` of this resource, and the entry of {other} in the \
                 state holds it since. Give that one another imageName, and run `pulumi up` again",
                owned.id, owned.name
            )));
        }
        if seen.status.as_deref() == Some(CREATE_FAILED) && !is_own {
            self.discard(&owned.id, &seen).await?;
            return Ok(None);
        }
        if !is_own {
            self.context.info(&format!(
                "image {}, which an earlier `pulumi up` of this resource left unfinished, is taken up again",
                owned.id
            ));
        }
        Ok(Some(self.found(owned.id.clone(), unfinished, Some(seen))))
    }

    async fn discard(&self, id: &str, seen: &Described) -> Result<(), Failure> {
        self.context.info(&format!(
            "image {id}, which an earlier `pulumi up` of this resource left in CreateFailed, is deleted and made anew"
        ));
        let entry = Entry::seen(seen, self.args, self.client.api.region(), Kept::default());
        let deletion = Deletion::of(id, &entry, self.args).sparing_sources(self.args);
        deletion.carry_out(self.client, self.context).await
    }

    /// The unfinished name is taken, and only an image of this very resource can have it: one that the list does not show
    /// yet, or one that has just been deleted and whose name is not free yet.
    async fn find_by_name(
        &self,
        unfinished: &Unfinished,
        token: &str,
        unseen: Option<String>,
        error: aliyun::Error,
    ) -> Result<ByName, Failure> {
        let kept = |failure| match &unseen {
            Some(id) => self.partial(id, unfinished, failure),
            None => failure,
        };
        // The look by name, and CreateImage.
        let mut wait = Wait::looking_beside(self.client, self.context, 2);
        loop {
            if let Some(id) = &unseen {
                let seen = self.client.looks.describe(self.context, id).await.map_err(kept)?;
                if seen.as_ref().is_some_and(|seen| seen.image_name.as_ref() == Some(&unfinished.name)) {
                    return Ok(ByName::Made(Box::new(self.found(id.clone(), unfinished, seen))));
                }
            }
            let owner = self.client.account.owner_of(self.context, &unfinished.name).await.map_err(kept)?;
            let is_own = owner.as_ref().is_some_and(|owned| Some(&owned.id) == unseen.as_ref());
            if let Some(made) = self.take_up(owner.as_ref(), unfinished, is_own).await.map_err(kept)? {
                return Ok(ByName::Made(Box::new(made)));
            }
            if wait.elapsed() >= self.client.patience.invisible {
                if let Some(id) = unseen {
                    return Ok(ByName::Made(Box::new(self.found(id, unfinished, None))));
                }
                return Err(Failure::Refused(format!(
                    "{}\nimage name {}: an unfinished image of this resource has it, but DescribeImages does not show that \
                     image. Run `pulumi up` again, which takes it up once it is shown",
                    failure::text(&error),
                    unfinished.name
                )));
            }
            wait.pause().await.map_err(kept)?;
            if let Answer::Id(id) = self.send(Some(&unfinished.name), token).await.map_err(kept)? {
                return Ok(ByName::Answered(id));
            }
        }
    }

    fn found(&self, id: String, unfinished: &Unfinished, seen: Option<Described>) -> Made {
        Made { id, unfinished: Some(unfinished.name.clone()), seen }
    }

    fn warn_of_finished(&self, id: &str, name: &str) {
        if self.memory.is_held(id) {
            return;
        }
        self.context.warn(&format!(
            "image {id} ({name}), which an earlier `pulumi up` of this resource made of the same inputs, stays as it is, and \
             another one is made. If the stack holds it, it is deleted when this replacement is done; if not, delete it or \
             take it into a stack: {}",
            import_command(self.context, id)
        ));
    }

    async fn send(&self, name: Option<&str>, token: &str) -> Result<Answer, Failure> {
        let call = self.making.send(self.client, self.context, name, token);
        let interrupted = async {
            self.context.cancelled().await;
            tokio::time::sleep(LAST_WORD).await;
        };
        let answer = tokio::select! {
            answer = call => answer,
            () = interrupted => {
                return Err(Failure::Cancelled(format!(
                    "interrupted while {} was under way, so the image may or may not have been made; the next `pulumi up` of \
                     this program finds out and makes no second one",
                    M::ACTION
                )));
            }
        };
        match answer {
            Ok(id) => Ok(Answer::Id(id)),
            Err(error) if error.code() == Some(NAME_TAKEN) => Ok(Answer::NameTaken(error)),
            Err(error) if error.code().is_some_and(|code| TOKEN_OF_ANOTHER_REQUEST.contains(&code)) => {
                Err(Failure::Refused(format!(
                    "{}\nthe cloud remembers this request in another form. Change imageName, or any other input, and run \
                     `pulumi up` again",
                    failure::text(&error)
                )))
            }
            Err(error) => {
                let refusal = match error.code().and_then(|code| self.making.advice(code)) {
                    Some(advice) => Failure::Refused(format!("{}\n{advice}", failure::text(&error))),
                    None => failure::cloud(error),
                };
                // It may be one that would have been waited for.
                Err(match self.context.is_cancelled() {
                    true => Failure::Cancelled(format!("interrupted. The last answer: {}", refusal.reason())),
                    false => refusal,
                })
            }
        }
    }

    /// The image, as soon as it is visible, or `None` if it is not within `patience`.
    async fn look(&self, id: &str, patience: Duration) -> Result<Option<Described>, Failure> {
        let mut wait = Wait::begin(self.client, self.context).within(patience);
        loop {
            wait.pause().await?;
            if wait.elapsed() >= patience {
                return self.client.looks.describe(self.context, id).await;
            }
            if let Some(seen) = self.client.looks.glance(self.context, id).await? {
                if is_usable(&seen) {
                    // The pace is to know that images are ready at once here.
                    let _ = wait.after(Ok(Look::Done(()))).await;
                }
                return Ok(Some(seen));
            }
        }
    }

    /// The id is known, so no failure may lose it.
    fn partial(&self, id: &str, unfinished: &Unfinished, failure: Failure) -> Failure {
        let kept = Kept {
            mark: Some(self.mark.to_owned()),
            unfinished: Some(unfinished.name.clone()),
            task: self.making.task_of(id),
            ..Kept::default()
        };
        let entry = Entry::unseen(self.args, self.client.api.region(), kept);
        in_state(id, &entry, late_properties(self.args, true), failure)
    }
}

#[cfg(test)]
mod tests {
    use aliyun::testing::{hang, ok, refuse};
    use pulumi::Verb;
    use pulumi::testing::TestContext;

    use super::*;
    use crate::ecs::image::args::ImageArgs;
    use crate::ecs::images::test_cloud::{Cloud, PROVIDER, URN, golden, making, no_images, partial, within};

    /// What a create of the golden image makes: its id, or why there is none.
    async fn create(cloud: &Cloud, context: &TestContext) -> Result<String, Failure> {
        let args = golden();
        cloud.verbs(context).create(&args, &making(&args)).await.map(|(id, _)| id)
    }

    /// The name and the token under which that create makes its image.
    fn unfinished() -> Unfinished {
        let args: ImageArgs = golden();
        Unfinished::new(PROVIDER, URN, "cn-test", "golden", making(&args).parameters(), Naming::Given)
    }

    fn pair(id: &str, name: &str) -> (String, String) {
        (id.to_owned(), name.to_owned())
    }

    /// The tokens with which an image was asked for.
    fn tokens(cloud: &Cloud) -> Vec<String> {
        let sent = cloud.stub.sent();
        let creates = sent.iter().filter(|sent| sent.action() == "CreateImage");
        creates.map(|sent| sent.param("ClientToken").to_owned()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_is_made_under_another_name_and_gets_its_own_last() {
        let cloud = Cloud::new();
        assert_eq!(create(&cloud, &within(600)).await.unwrap(), "m-1");
        assert_eq!(cloud.names(), [pair("m-1", "golden")]);
        assert_eq!(
            cloud.stub.actions(),
            ["DescribeImages", "CreateImage", "DescribeImages", "ModifyImageAttribute"]
        );
        let sent = cloud.stub.sent();
        assert_eq!(sent[1].param("ImageName"), unfinished().name);
        assert_eq!(sent[1].param("ClientToken"), unfinished().token);
        assert_eq!(sent[3].param("ImageName"), "golden");
    }

    #[tokio::test(start_paused = true)]
    async fn images_that_are_shown_late_take_few_calls_and_are_not_called_an_earlier_ones() {
        let began = Instant::now();
        let cloud = Cloud::otherwise(move |sent, _| {
            let hides = !sent.param("ImageId").is_empty() && began.elapsed().as_secs() < 15;
            hides.then(no_images)
        });
        cloud.state().shown_after = Duration::from_secs(10);
        let makes = (0..40).map(async |index| {
            let context = TestContext::new(Verb::Create, &format!("{URN}-{index}"), Duration::from_secs(600));
            let args = ImageArgs { image_name: Some(format!("golden-{index}").into()), ..golden() };
            cloud.verbs(&context).create(&args, &making(&args)).await.unwrap();
            context.infos()
        });
        let infos = futures::future::join_all(makes).await.concat();
        assert_eq!((infos, cloud.names().len()), (vec![], 40));
        let calls = cloud.stub.actions().len();
        assert!(calls <= 470, "{calls}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_an_interrupted_create_left_is_taken_up() {
        let cloud = Cloud::new();
        cloud.holds("m-left", &unfinished().name);
        let context = within(600);
        assert_eq!(create(&cloud, &context).await.unwrap(), "m-left");
        assert_eq!(cloud.names(), [pair("m-left", "golden")]);
        assert_eq!(cloud.count("CreateImage"), 0);
        assert!(context.infos()[0].contains("m-left"), "{:?}", context.infos());
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_leads_to_a_finished_image_makes_way_for_another() {
        let cloud = Cloud::new();
        cloud.holds("m-old", "golden-of-before");
        cloud.state().tokens.insert(unfinished().token, "m-old".to_owned());
        let context = within(600);
        assert_eq!(create(&cloud, &context).await.unwrap(), "m-1");
        assert_eq!(cloud.names(), [pair("m-old", "golden-of-before"), pair("m-1", "golden")]);
        let expected = [unfinished().token.clone(), Unfinished::token_after(&unfinished().token, "m-old")];
        assert_eq!(tokens(&cloud), expected);
        assert!(context.warnings()[0].contains("m-old (golden-of-before)"), "{:?}", context.warnings());
    }

    /// The last call of a create that was killed was on its way. The list still shows the unfinished name, or nothing yet.
    #[tokio::test(start_paused = true)]
    async fn an_image_that_gets_its_name_while_another_create_looks_for_it_has_the_name() {
        for list_shows_it in [true, false] {
            let cloud = Cloud::otherwise(move |sent, state| {
                if sent.index > 0 {
                    state.images[0].name = "golden".to_owned();
                }
                (sent.index == 0 && !list_shows_it).then(|| ok(r#"{"RequestId":"R","TotalCount":0}"#))
            });
            cloud.holds("m-left", &unfinished().name);
            cloud.state().tokens.insert(unfinished().token, "m-left".to_owned());
            let text = create(&cloud, &within(600)).await.unwrap_err().to_string();
            assert!(text.contains("pulumi import alicloud:ecs/image:Image web m-left"), "{text}");
            assert_eq!(cloud.names(), [pair("m-left", "golden")]);
            assert_eq!(cloud.count("CreateImage"), usize::from(!list_shows_it));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_leads_to_a_deleted_image_makes_way_for_another() {
        let cloud = Cloud::new();
        cloud.state().tokens.insert(unfinished().token, "m-gone".to_owned());
        assert_eq!(create(&cloud, &within(600)).await.unwrap(), "m-1");
        assert_eq!(tokens(&cloud).len(), 2);
        assert_eq!(cloud.names(), [pair("m-1", "golden")]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_image_that_stays_invisible_is_not_made_twice() {
        let cloud = Cloud::new();
        cloud.state().shown_after = Duration::from_secs(40);
        assert_eq!(create(&cloud, &within(600)).await.unwrap(), "m-1");
        assert_eq!(cloud.names(), [pair("m-1", "golden")]);
    }

    /// The name of what was unfinished is not free at once, and the cloud looks at names before it looks at tokens.
    #[tokio::test(start_paused = true)]
    async fn a_token_that_leads_to_a_finished_image_once_its_name_is_free_makes_way_for_another() {
        let cloud = Cloud::otherwise(|sent, state| {
            let first = sent.action() == "CreateImage" && !std::mem::replace(&mut state.was_asked, true);
            first.then(|| refuse(400, "InvalidImageName.Duplicated"))
        });
        cloud.holds("m-old", "golden-of-before");
        cloud.state().tokens.insert(unfinished().token, "m-old".to_owned());
        let context = within(600);
        assert_eq!(create(&cloud, &context).await.unwrap(), "m-1");
        assert_eq!(cloud.names(), [pair("m-old", "golden-of-before"), pair("m-1", "golden")]);
        assert!(context.warnings()[0].contains("m-old (golden-of-before)"), "{:?}", context.warnings());
    }

    /// A cloud may forget its tokens: then only the name tells.
    #[tokio::test(start_paused = true)]
    async fn an_unfinished_image_that_no_list_shows_is_found_by_its_name() {
        let cloud = Cloud::new();
        cloud.holds("m-left", &unfinished().name);
        cloud.state().images[0].shown_from += Duration::from_secs(20);
        assert_eq!(create(&cloud, &within(600)).await.unwrap(), "m-left");
        assert_eq!(cloud.names(), [pair("m-left", "golden")]);
    }

    /// The search by name is ahead of the looks at the image itself.
    #[tokio::test(start_paused = true)]
    async fn an_image_of_this_create_that_could_not_be_made_is_no_earlier_ones() {
        let cloud = Cloud::otherwise(|sent, state| {
            for image in &mut state.images {
                image.last_status = "CreateFailed";
            }
            state.was_asked |= !sent.param("ImageName").is_empty() && sent.action() == "DescribeImages";
            let hides = !sent.param("ImageId").is_empty() && !state.was_asked;
            hides.then(no_images)
        });
        let context = within(600);
        let failed = create(&cloud, &context).await.unwrap_err();
        assert!(!matches!(failed, Failure::Partial { .. }), "{failed:?}");
        let text = failed.to_string();
        assert!(text.contains("the cloud could not make image m-1: its status is CreateFailed"), "{text}");
        assert_eq!((context.infos(), cloud.count("DeleteImage")), (vec![], 1));
        assert!(cloud.names().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn an_unfinished_image_that_failed_is_deleted_and_made_anew() {
        let cloud = Cloud::new();
        cloud.holds("m-left", &unfinished().name);
        cloud.state().images[0].last_status = "CreateFailed";
        assert_eq!(create(&cloud, &within(600)).await.unwrap(), "m-1");
        assert_eq!(cloud.names(), [pair("m-1", "golden")]);
        assert_eq!(cloud.count("DeleteSnapshot"), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_somebody_has_is_refused_before_anything_is_made() {
        let cloud = Cloud::new();
        cloud.holds("m-other", "golden");
        let text = create(&cloud, &within(600)).await.unwrap_err().to_string();
        assert!(
            text.starts_with("InvalidImageName.Duplicated: imageName: image m-other has the name"),
            "{text}"
        );
        assert!(text.contains("pulumi import alicloud:ecs/image:Image web m-other"), "{text}");
        assert_eq!(cloud.count("CreateImage"), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn two_resources_of_a_program_cannot_have_one_name() {
        let cloud = Cloud::new();
        cloud.memory.claim_name("golden", "urn:pulumi:prod::shop::alicloud:ecs/image:Image::other");
        let text = create(&cloud, &within(600)).await.unwrap_err().to_string();
        assert!(text.contains("Image::other of this program has the name \"golden\" as well"), "{text}");
        assert_eq!(cloud.count("CreateImage"), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_resource_that_made_nothing_lets_go_of_its_name() {
        let cloud = Cloud::otherwise(|sent, _| {
            (sent.action() == "CreateImage").then(|| refuse(403, "QuotaExceed.Image"))
        });
        create(&cloud, &within(600)).await.unwrap_err();
        assert_eq!(cloud.memory.claim_name("golden", "another"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_engine_that_tells_no_id_gets_the_image_under_its_own_name() {
        let mut cloud = Cloud::new();
        cloud.client.provider_id = None;
        assert_eq!(create(&cloud, &within(600)).await.unwrap(), "m-1");
        assert_eq!(cloud.stub.sent()[1].param("ImageName"), "golden");
        assert_eq!(cloud.count("ModifyImageAttribute"), 0);
    }

    /// The name of an image that has just been deleted is not free at once.
    #[tokio::test(start_paused = true)]
    async fn a_name_that_nobody_has_any_more_is_waited_for() {
        let began = Instant::now();
        let cloud = Cloud::otherwise(move |sent, _| {
            let early = began.elapsed() < Duration::from_secs(12);
            (sent.param("ImageName") == "golden" && sent.action() == "ModifyImageAttribute" && early)
                .then(|| refuse(400, "InvalidImageName.Duplicated"))
        });
        create(&cloud, &within(600)).await.unwrap();
        assert_eq!(cloud.names(), [pair("m-1", "golden")]);
        assert!((12..=16).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_is_taken_meanwhile_keeps_the_image_under_its_unfinished_one() {
        let cloud = Cloud::otherwise(|sent, state| {
            if sent.action() == "CreateImage" {
                state.rival(sent.at);
            }
            None
        });
        let (id, state, unapplied, text) = partial(create(&cloud, &within(600)).await.unwrap_err());
        assert_eq!((id.as_str(), unapplied), ("m-1", vec![NAME.to_owned()]));
        assert_eq!(state["__unfinished"].as_str(), Some(unfinished().name.as_str()));
        assert!(text.contains("image m-rival has the name \"golden\" already"), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_interruption_of_the_call_says_that_nobody_knows() {
        let cloud = Cloud::otherwise(|sent, _| (sent.action() == "CreateImage").then(hang));
        let (began, context) = (Instant::now(), within(600));
        let interrupted = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            context.cancel();
        };
        let (made, ()) = tokio::join!(create(&cloud, &context), interrupted);
        let Err(Failure::Cancelled(text)) = made else { panic!("{made:?}") };
        assert!(text.starts_with("interrupted while CreateImage was under way"), "{text}");
        assert_eq!(began.elapsed(), Duration::from_secs(2) + LAST_WORD);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_after_an_id_that_is_not_shown_keeps_the_id() {
        let cloud = Cloud::otherwise(|sent, state| {
            let second = sent.action() == "CreateImage" && !state.tokens.is_empty();
            second.then(|| refuse(403, "QuotaExceed.Image"))
        });
        cloud.state().shown_after = Duration::from_secs(1_000);
        let (id, state, unapplied, text) = partial(create(&cloud, &within(600)).await.unwrap_err());
        assert_eq!((id.as_str(), unapplied), ("m-1", vec![NAME.to_owned()]));
        assert!(state.contains_key("__mark") && state.contains_key("__unfinished"), "{state:?}");
        assert!(text.contains("QuotaExceed.Image"), "{text}");
    }

    /// Each answer leads to an image that is not shown, so that nobody knows which of them there are.
    #[tokio::test(start_paused = true)]
    async fn a_cloud_that_never_shows_what_it_answers_with_is_not_asked_for_ever() {
        let cloud = Cloud::otherwise(|sent, _| {
            let answer = format!(r#"{{"RequestId":"R","ImageId":"m-{}"}}"#, sent.index);
            (sent.action() == "CreateImage").then(|| ok(&answer))
        });
        let (id, _, _, text) = partial(create(&cloud, &within(6_000)).await.unwrap_err());
        let sent = cloud.stub.sent();
        let last = sent.iter().rfind(|sent| sent.action() == "CreateImage").unwrap();
        assert_eq!((id, cloud.count("CreateImage")), (format!("m-{}", last.index), MOST_HOPS));
        assert!(text.contains("the cloud answered 100 requests for a new image"), "{text}");
    }

    /// The first answer is an image that is not shown, the second that the name is taken: the image is there after all.
    #[tokio::test(start_paused = true)]
    async fn a_search_by_name_that_fails_keeps_the_id_before_it() {
        let cloud = Cloud::otherwise(|sent, _| {
            let by_name = sent.action() == "DescribeImages" && sent.param("ImageName").contains("unfinished");
            by_name.then(|| refuse(403, "Forbidden.RAM"))
        });
        cloud.state().shown_after = Duration::from_secs(1_000);
        let (id, _, unapplied, text) = partial(create(&cloud, &within(600)).await.unwrap_err());
        assert_eq!((id.as_str(), unapplied), ("m-1", vec![NAME.to_owned()]));
        assert!(text.contains("Forbidden.RAM"), "{text}");
    }

    /// Whether the call was carried out nobody knows, so the state says nothing of the name that the image bears.
    #[tokio::test(start_paused = true)]
    async fn an_interruption_of_the_last_call_leaves_the_name_open() {
        let cloud = Cloud::otherwise(|sent, _| (sent.action() == "ModifyImageAttribute").then(hang));
        let context = within(600);
        let interrupted = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            context.cancel();
        };
        let (made, ()) = tokio::join!(create(&cloud, &context), interrupted);
        let (id, state, unapplied, _) = partial(made.unwrap_err());
        assert_eq!((id.as_str(), unapplied), ("m-1", vec![NAME.to_owned()]));
        assert!(!state.contains_key("__unfinished"), "{state:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_was_used_with_another_request_says_what_to_do() {
        let cloud = Cloud::otherwise(|sent, _| {
            (sent.action() == "CreateImage").then(|| refuse(400, "IdempotentParameterMismatch"))
        });
        let text = create(&cloud, &within(600)).await.unwrap_err().to_string();
        assert!(text.contains("IdempotentParameterMismatch") && text.contains("Change imageName"), "{text}");
        assert!(!text.contains("starts a new request"), "{text}");
    }
}
