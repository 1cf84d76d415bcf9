//! The clock of a served world, for who may: a path beside those of Kubernetes.

use drydock_apiserver::{Form, Status, http};
use http_body_util::{BodyExt, Limited};
use hyper::Method;
use hyper::body::Incoming;
use tokio::sync::oneshot;

use super::ground::Turn;
use super::http::{Order, Shared, Winding};

/// GET reads the clock, POST turns it. Both answer how it stands then.
pub const PATH: &str = "/drydock/clock";

const MAX_TURN: usize = 1 << 10;

pub async fn answer(shared: &Shared, method: &Method, body: Incoming) -> hyper::Response<Vec<u8>> {
    let now = shared.snapshots.borrow().now;
    let turn = if *method == Method::POST {
        let Ok(body) = Limited::new(body, MAX_TURN).collect().await else {
            return http::refused(Status::too_large("limit is 1024"), Form::of_errors(""), now);
        };
        match serde_json::from_slice::<Turn>(&body.to_bytes()) {
            Ok(turn) => Some(turn),
            Err(error) => {
                return http::refused(
                    Status::bad_request(error.to_string()),
                    Form::of_errors(""),
                    now,
                );
            }
        }
    } else if *method == Method::GET {
        None
    } else {
        return http::refused(Status::method_not_allowed(), Form::of_errors(""), now);
    };
    let (answer, answered) = oneshot::channel();
    let sent = shared.orders.send(Order::Wind(Winding { turn, answer })).await.is_ok();
    let reading = if sent { answered.await.ok() } else { None };
    match reading {
        Some(Ok(reading)) => {
            let body = serde_json::to_vec(&reading).unwrap_or_default();
            http::json(200, body, reading.now)
        }
        Some(Err(why)) => http::refused(Status::bad_request(why), Form::of_errors(""), now),
        None => {
            http::refused(Status::unavailable("the server is going down"), Form::of_errors(""), now)
        }
    }
}
