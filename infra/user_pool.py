"""Who people are: a Cognito pool without self sign-up, and the public client of CLI and dashboard.

What they may do is in the core table (see docs/adr/0014): the pool has no groups.
"""

from aws_cdk import Aws, Duration
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from infra.findings import acknowledge
from infra.stage import StagePolicy

TEMPORARY_DAYS = 3


class Users(Construct):
    def __init__(self, scope: Construct, id: str, *, stage: StagePolicy) -> None:  # noqa: A002 - the name constructs use
        super().__init__(scope, id)
        self.pool = self._pool(stage)
        self.client = self.pool.add_client(
            "Client",
            generate_secret=False,
            disable_o_auth=True,
            auth_flows=cognito.AuthFlow(user_srp=True, user_password=True),
            prevent_user_existence_errors=True,
            enable_token_revocation=True,
            # A stolen access token cannot be called back, so it is short.
            access_token_validity=Duration.minutes(15),
            id_token_validity=Duration.minutes(15),
            refresh_token_validity=Duration.days(30),
        )

    @property
    def sign_in_endpoint(self) -> str:
        return f"https://cognito-idp.{Aws.REGION}.{Aws.URL_SUFFIX}/"

    @property
    def issuer(self) -> str:
        return f"{self.sign_in_endpoint}{self.pool.user_pool_id}"

    @property
    def jwks_url(self) -> str:
        return f"{self.issuer}/.well-known/jwks.json"

    def _pool(self, stage: StagePolicy) -> cognito.UserPool:
        pool = cognito.UserPool(
            self,
            "Pool",
            self_sign_up_enabled=False,
            # By e-mail alone: then a person's user name is his `sub`, the id that grants and audit know him by.
            sign_in_aliases=cognito.SignInAliases(email=True),
            sign_in_case_sensitive=False,
            auto_verify=cognito.AutoVerifiedAttrs(email=True),
            user_invitation=cognito.UserInvitationConfig(
                email_subject="Your invitation to Fieldline",
                email_body="You can sign in to Fieldline as {username}. Your temporary password is {####} "
                f"and is good for {TEMPORARY_DAYS} days.",
            ),
            user_verification=cognito.UserVerificationConfig(
                email_subject="Your code for Fieldline",
                email_body="Your code to set a new password for Fieldline is {####}.",
                email_style=cognito.VerificationEmailStyle.CODE,
            ),
            account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
            mfa=cognito.Mfa.OPTIONAL,
            mfa_second_factor=cognito.MfaSecondFactor(otp=True, sms=False),
            password_policy=cognito.PasswordPolicy(
                min_length=12,
                require_lowercase=True,
                require_uppercase=True,
                require_digits=True,
                require_symbols=True,
                temp_password_validity=Duration.days(TEMPORARY_DAYS),
            ),
            feature_plan=cognito.FeaturePlan.ESSENTIALS,
            deletion_protection=stage.deletion_protection,
            removal_policy=stage.removal,
        )
        acknowledge(
            pool,
            "AwsSolutions-COG2",
            "A second factor is each organisation's choice: one-time passwords are offered, never forced.",
        )
        acknowledge(
            pool, "AwsSolutions-COG8", "The Plus plan is billed for each active user; nothing here depends on it."
        )
        return pool
