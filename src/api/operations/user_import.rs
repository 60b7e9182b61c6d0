//! Jobs that import users from a CSV file.

use serde::{Deserialize, Serialize};

use crate::{
    api::{Operation, shapes::Timestamp},
    domain::{
        Result,
        import::{HashAlgorithm, ImportJob},
    },
    flows::{
        Cx,
        users_import::{self, Wanted, upload},
    },
    web::paths::{self, Place},
};

/// The shape of the list holds no more, whatever is asked for.
const MOST_JOBS: usize = 50;

/// `UserImportJobType`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Job {
    job_name: String,
    job_id: String,
    user_pool_id: String,
    pre_signed_url: String,
    creation_date: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_date: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completion_date: Option<Timestamp>,
    status: &'static str,
    cloud_watch_logs_role_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    password_hashing_algorithm: Option<HashAlgorithm>,
    imported_users: u64,
    skipped_users: u64,
    failed_users: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    completion_message: Option<String>,
}

impl Job {
    fn of(cx: &Cx, job: ImportJob) -> Result<Self> {
        let place = paths::full(&cx.app.setup, Place::UserImport);
        Ok(Self {
            pre_signed_url: format!("{place}/{}", upload::ticket(cx, &job)?),
            job_name: job.name,
            job_id: job.id,
            user_pool_id: job.pool_id,
            creation_date: job.created_at.into(),
            start_date: job.started_at.map(Into::into),
            completion_date: job.completed_at.map(Into::into),
            status: job.status.name(),
            cloud_watch_logs_role_arn: job.role_arn,
            password_hashing_algorithm: job.password_hashing,
            imported_users: job.counts.imported,
            skipped_users: job.counts.skipped,
            failed_users: job.counts.failed,
            completion_message: job.message,
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct JobOutput {
    user_import_job: Job,
}

impl JobOutput {
    fn of(cx: &Cx, job: ImportJob) -> Result<Self> {
        Ok(Self { user_import_job: Job::of(cx, job)? })
    }
}

/// The columns of a file for this pool.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetCSVHeader {
    user_pool_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetCSVHeaderOutput {
    user_pool_id: String,
    #[serde(rename = "CSVHeader")]
    csv_header: Vec<String>,
}

impl Operation for GetCSVHeader {
    type Output = GetCSVHeaderOutput;

    async fn run(self, cx: Cx) -> Result<GetCSVHeaderOutput> {
        let csv_header = users_import::header(&cx, &self.user_pool_id).await?;
        Ok(GetCSVHeaderOutput { user_pool_id: self.user_pool_id, csv_header })
    }
}

/// Makes a job and the address that takes its file.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateUserImportJob {
    user_pool_id: String,
    job_name: String,
    cloud_watch_logs_role_arn: String,
    password_hashing_algorithm: Option<HashAlgorithm>,
}

impl Operation for CreateUserImportJob {
    type Output = JobOutput;

    async fn run(self, cx: Cx) -> Result<JobOutput> {
        let wanted = Wanted {
            name: &self.job_name,
            role_arn: &self.cloud_watch_logs_role_arn,
            password_hashing: self.password_hashing_algorithm,
        };
        let job = users_import::create(&cx, &self.user_pool_id, wanted).await?;
        JobOutput::of(&cx, job)
    }
}

/// Operations that name a job.
macro_rules! named_job_operations {
    ($($(#[$note:meta])* $name:ident = $flow:path;)+) => {$(
        $(#[$note])*
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        pub struct $name {
            user_pool_id: String,
            job_id: String,
        }

        impl Operation for $name {
            type Output = JobOutput;

            async fn run(self, cx: Cx) -> Result<JobOutput> {
                let job = $flow(&cx, &self.user_pool_id, &self.job_id).await?;
                JobOutput::of(&cx, job)
            }
        }
    )+};
}

named_job_operations! {
    /// How far a job has come.
    DescribeUserImportJob = users_import::get;
    /// Starts a job whose file has arrived.
    StartUserImportJob = users_import::start;
    /// Stops a job; what it has imported stays.
    StopUserImportJob = users_import::stop;
}

/// The jobs of a pool, newest first.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListUserImportJobs {
    user_pool_id: String,
    max_results: usize,
    pagination_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListUserImportJobsOutput {
    user_import_jobs: Vec<Job>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pagination_token: Option<String>,
}

impl Operation for ListUserImportJobs {
    type Output = ListUserImportJobsOutput;

    async fn run(self, cx: Cx) -> Result<ListUserImportJobsOutput> {
        let limit = self.max_results.min(MOST_JOBS);
        let page = users_import::list(&cx, &self.user_pool_id, limit, self.pagination_token.as_deref()).await?;
        Ok(ListUserImportJobsOutput {
            user_import_jobs: page.items.into_iter().map(|job| Job::of(&cx, job)).collect::<Result<_>>()?,
            pagination_token: page.next,
        })
    }
}
