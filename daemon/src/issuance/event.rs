use super::state::{Order, Round, State};
use crate::types::{DnsName, Fault};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The CA made an order; `ready` when nothing is left to prove.
    OrderPlaced {
        /// The order.
        order: Order,
        /// Every authorization was valid already.
        ready: bool,
    },
    /// Every authorization was read.
    AuthorizationsRead {
        /// What is to be proved first, of what is not valid yet.
        round: Round,
    },
    /// The provider took every record.
    Published,
    /// Every authoritative server showed every value.
    SeenEverywhere,
    /// The CA was told to look.
    Answered,
    /// The CA saw what this round was for, and more is to be proved.
    RoundProved,
    /// The order became `ready`.
    OrderReady,
    /// A key was made, to be stored together with the new state.
    KeyMade {
        /// DER of the CSR.
        csr: Vec<u8>,
    },
    /// The chain was downloaded and fits key and names.
    Downloaded {
        /// PEM.
        chain: String,
    },
    /// A complete generation is on disk.
    Written {
        /// Its number.
        generation: u32,
    },
    /// Others stand in front at a name that holds only some values. Nothing was published.
    NoRoom(Fault),
    /// A step failed.
    Failed(Failure),
}

/// A failed step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// For the schedule and the operator.
    pub fault: Fault,
    /// How far back it throws the issuance.
    pub scope: Scope,
    /// Whose it is.
    pub origin: Origin,
    /// Names that the CA looked at and could not validate: it counts them.
    pub refused: Vec<DnsName>,
}

/// Where a failure comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The CA: another one may do better.
    Ca,
    /// The DNS, or the provider: every CA would meet the same.
    Dns,
    /// This machine.
    Here,
}

/// What a failure costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The step; the order lives.
    Step,
    /// The order is dead: invalid, expired, unknown to the CA.
    Order,
}

/// What the engine does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// POST newOrder.
    PlaceOrder,
    /// Read every authorization of the order.
    ReadAuthorizations,
    /// Hand the journalled records to their providers.
    Publish,
    /// Ask the authoritative servers until all show the records.
    AwaitVisible,
    /// Tell the CA to look.
    Answer,
    /// Poll the authorizations of a round that is not the last.
    AwaitRound,
    /// Poll the order until it is `ready`.
    AwaitReady,
    /// Make the certificate's key and the CSR.
    MakeKey,
    /// Send the CSR, wait for the certificate, download and verify it.
    Finalize {
        /// The CSR may have been sent before: read the order first.
        resumed: bool,
    },
    /// Write a generation.
    Write,
}

/// What becomes of the challenge records, in the same transaction as the new state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Records {
    /// As they are.
    Keep,
    /// Those of the new state's challenges enter the journal; others of this issuance leave.
    Plan,
    /// All of this issuance leave: clean-up begins.
    Remove,
}

/// What follows a transition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Go on at once.
    Do(Action),
    /// Stop, and try again when the schedule says so.
    Wait(Fault),
    /// Stop without having failed, and keep the place in the line: it goes on when others are done.
    GiveWay(Fault),
    /// The generation stands: deployment and the next renewal follow.
    Done,
}

/// The answer of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// To be durable before `next` begins.
    pub state: State,
    /// Part of the same transaction.
    pub records: Records,
    /// What follows.
    pub next: Next,
}
