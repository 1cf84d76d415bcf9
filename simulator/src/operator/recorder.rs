//! Events on their way from an operator process to the server: nobody waits for the answers.

use drydock_operator_core::plan::EventCall;

use super::KeyId;
use super::calls::Prepared;
use crate::inflight::Sender;
use crate::world::World;

impl World {
    /// A Warning about the object of a key whose pass failed.
    pub(crate) fn warn(&mut self, operator: u16, id: KeyId, reason: &str, message: &str) {
        let process = &self.operators[usize::from(operator)];
        let state = process.key(id);
        let mut regarding = process.reference(state);
        let source = process.controller_name(state);
        let root = (process.controllers[usize::from(state.controller)].root)();
        let server = self.server(process.server);
        let object = server
            .kind(root.group, root.kind)
            .and_then(|kind| server.table(kind).get(&regarding.key.namespace, &regarding.key.name));
        // An Event about nothing would be refused.
        let Some(object) = object else { return };
        object.uid().clone_into(&mut regarding.uid);
        let event = EventCall {
            regarding,
            warning: true,
            reason: reason.to_owned(),
            message: message.to_owned(),
            source,
        };
        self.emit(operator, &event);
    }

    /// Sends an Event, or raises its count. Nobody waits for the answer.
    pub(crate) fn emit(&mut self, operator: u16, event: &EventCall) {
        let now = self.now();
        let process = self.process_mut(operator);
        let server = process.server;
        let Some(call) = process.recorder.record(event, now) else { return };
        if let Prepared::Send(subject) = self.prepare(operator, &call) {
            self.issue(Sender::Recorder { operator }, server, subject);
        }
    }
}
