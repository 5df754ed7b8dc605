//! Tokens that are changed while a coordinator runs.

use super::super::{TokenAdministration, TokenError, testing::Fixture};
use crate::trust::{Role, Secret, TokenRecord};

fn token(byte: u8) -> TokenRecord {
    TokenRecord {
        hash: Secret::from_random([byte; 32]).hash(),
        role: Role::Worker,
        name: "lab".into(),
        created_at_ms: i64::from(byte),
        expires_at_ms: Some(1_000),
        revoked_at_ms: None,
    }
}

#[tokio::test]
async fn tokens_are_made_and_revoked_while_a_coordinator_writes() {
    let mut fixture = Fixture::new().await;
    let opened = TokenAdministration::open(&fixture.path()).await;
    let mut administration = opened.unwrap();
    let (one, two) = (token(1), token(2));
    administration.add(&one).await.unwrap();
    fixture.lease(1, 1, "w1").await;
    administration.add(&two).await.unwrap();
    assert_eq!(
        administration.revoke(one.id().as_str(), 500).await.unwrap(),
        one
    );
    // Revoking again is no error and leaves the first moment.
    administration
        .revoke(&one.id().as_str()[..11], 600)
        .await
        .unwrap();
    fixture.lease(2, 1, "w1").await;

    let revoked = TokenRecord {
        revoked_at_ms: Some(500),
        ..one
    };
    assert_eq!(
        fixture.reader().await.tokens().await.unwrap(),
        [revoked, two]
    );
    for (id, text) in [("", "no token"), ("zz", "no token")] {
        let refused = administration.revoke(id, 0).await.unwrap_err();
        assert!(matches!(&refused, TokenError::Unknown(_)) && refused.to_string().contains(text));
    }
    let events =
        "SELECT count(*) FROM event WHERE kind LIKE 'token%' AND detail LIKE '%worker lab'";
    assert_eq!(fixture.number(events).await, 3);
}

#[tokio::test]
async fn a_token_is_neither_changed_nor_deleted_nor_unrevoked() {
    let mut fixture = Fixture::new().await;
    let mut administration = TokenAdministration::open(&fixture.path()).await.unwrap();
    administration.add(&token(1)).await.unwrap();
    for change in [
        "role = 'submitter'",
        "expires_at_ms = NULL",
        "token_sha256 = 'x'",
    ] {
        let sql: &'static str = format!("UPDATE token SET {change}").leak();
        let refusal = fixture.refusal(sql).await;
        assert!(refusal.contains("only revoked"), "{refusal}");
    }
    administration
        .revoke(token(1).id().as_str(), 5)
        .await
        .unwrap();
    let refusal = fixture
        .refusal("UPDATE token SET revoked_at_ms = NULL")
        .await;
    assert!(refusal.contains("only revoked"), "{refusal}");
    let refusal = fixture.refusal("DELETE FROM token").await;
    assert!(refusal.contains("never deleted"), "{refusal}");
}
