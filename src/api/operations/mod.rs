//! The table: every operation of the service on one screen, one file per area. Names in brackets are not built yet and answer
//! `NotImplementedException`.

pub mod admin_users;
pub mod branding;
pub mod client_secrets;
pub mod client_tokens;
pub mod clients;
pub mod devices;
pub mod domains;
pub mod groups;
pub mod limits;
pub mod logs;
pub mod mfa;
pub mod passkeys;
pub mod providers;
pub mod replicas;
pub mod resource_servers;
pub mod risk;
pub mod self_service;
pub mod sessions;
pub mod sign_in;
pub mod sign_up;
pub mod tags;
pub mod terms;
pub mod user_import;
pub mod user_pools;

crate::operations! {
    user_pools:       CreateUserPool DescribeUserPool UpdateUserPool DeleteUserPool ListUserPools AddCustomAttributes
                      GetUserPoolMfaConfig SetUserPoolMfaConfig;
    tags:             TagResource UntagResource ListTagsForResource;
    clients:          CreateUserPoolClient DescribeUserPoolClient UpdateUserPoolClient DeleteUserPoolClient ListUserPoolClients;
    client_secrets:   AddUserPoolClientSecret ListUserPoolClientSecrets DeleteUserPoolClientSecret;
    resource_servers: CreateResourceServer DescribeResourceServer UpdateResourceServer DeleteResourceServer ListResourceServers;
    groups:           CreateGroup GetGroup UpdateGroup DeleteGroup ListGroups AdminAddUserToGroup AdminRemoveUserFromGroup
                      AdminListGroupsForUser ListUsersInGroup;
    admin_users:      AdminCreateUser AdminGetUser AdminUpdateUserAttributes AdminDeleteUserAttributes AdminDeleteUser
                      AdminEnableUser AdminDisableUser AdminConfirmSignUp AdminSetUserPassword AdminResetUserPassword
                      AdminUserGlobalSignOut ListUsers;
    sign_up:          SignUp ConfirmSignUp ResendConfirmationCode ForgotPassword ConfirmForgotPassword;
    sign_in:          InitiateAuth RespondToAuthChallenge AdminInitiateAuth AdminRespondToAuthChallenge
                      GetTokensFromRefreshToken RevokeToken;
    client_tokens:    GetClientToken GetDerivedToken;
    self_service:     GetUser UpdateUserAttributes DeleteUserAttributes DeleteUser ChangePassword GlobalSignOut
                      GetUserAttributeVerificationCode VerifyUserAttribute;
    sessions:         ListUserSessions RevokeUserSession AdminListUserSessions AdminRevokeUserSession
                      GetUserPoolSessionConfiguration SetUserPoolSessionConfiguration
                      GetUserPoolClientSessionConfiguration SetUserPoolClientSessionConfiguration;
    mfa:              AssociateSoftwareToken VerifySoftwareToken SetUserMFAPreference AdminSetUserMFAPreference
                      AdminDeleteSoftwareToken SetUserSettings AdminSetUserSettings GetUserAuthFactors AdminGetUserAuthFactors;
    passkeys:         StartWebAuthnRegistration CompleteWebAuthnRegistration ListWebAuthnCredentials DeleteWebAuthnCredential;
    devices:          ConfirmDevice GetDevice ListDevices UpdateDeviceStatus ForgetDevice AdminGetDevice AdminListDevices
                      AdminUpdateDeviceStatus AdminForgetDevice;
    providers:        CreateIdentityProvider DescribeIdentityProvider UpdateIdentityProvider DeleteIdentityProvider
                      ListIdentityProviders GetIdentityProviderByIdentifier GetSigningCertificate
                      AdminLinkProviderForUser AdminDisableProviderForUser;
    domains:          CreateUserPoolDomain DescribeUserPoolDomain UpdateUserPoolDomain DeleteUserPoolDomain;
    branding:         CreateManagedLoginBranding DescribeManagedLoginBranding DescribeManagedLoginBrandingByClient
                      UpdateManagedLoginBranding DeleteManagedLoginBranding GetUICustomization SetUICustomization;
    terms:            CreateTerms DescribeTerms DescribeTermsByClient UpdateTerms DeleteTerms ListTerms;
    risk:             DescribeRiskConfiguration SetRiskConfiguration AdminListUserAuthEvents AdminUpdateAuthEventFeedback
                      UpdateAuthEventFeedback;
    logs:             GetLogDeliveryConfiguration SetLogDeliveryConfiguration;
    user_import:      CreateUserImportJob DescribeUserImportJob ListUserImportJobs StartUserImportJob StopUserImportJob
                      GetCSVHeader;
    replicas:         CreateUserPoolReplica UpdateUserPoolReplica DeleteUserPoolReplica ListUserPoolReplicas;
    limits:           GetProvisionedLimit UpdateProvisionedLimit;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MODEL;

    #[test]
    fn the_table_is_the_models_list() {
        let mut table: Vec<_> = OPERATIONS.iter().map(|entry| entry.name).collect();
        table.sort_unstable();
        let published: Vec<_> = MODEL.operations().map(|(name, _)| name).collect();
        assert_eq!(table, published);
    }
}
