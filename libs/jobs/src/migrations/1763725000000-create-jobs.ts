import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The jobs. The database itself refuses whatever would move one backwards, whoever issues the SQL. */
export class CreateJobs1763725000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE jobs (
        id             uuid        PRIMARY KEY,
        kind           text        NOT NULL CHECK (kind <> ''),
        owner          text        NOT NULL,
        subject        uuid        NOT NULL,
        correlation_id uuid        NOT NULL,
        status         text        NOT NULL DEFAULT 'PENDING',
        result         jsonb       CHECK (jsonb_typeof(result) = 'object'),
        failure_code   text        CHECK (failure_code <> ''),
        failure_detail text,
        created_at     timestamptz NOT NULL,
        started_at     timestamptz CHECK (started_at >= created_at),
        ended_at       timestamptz CHECK (ended_at >= coalesce(started_at, created_at)),
        expires_at     timestamptz NOT NULL CHECK (expires_at > created_at),
        CONSTRAINT jobs_status CHECK (status IN ('PENDING', 'RUNNING', 'SUCCEEDED', 'FAILED')),
        CONSTRAINT jobs_started CHECK (CASE status WHEN 'PENDING' THEN started_at IS NULL WHEN 'RUNNING' THEN started_at IS NOT NULL ELSE true END),
        CONSTRAINT jobs_ended CHECK ((ended_at IS NOT NULL) = (status IN ('SUCCEEDED', 'FAILED'))),
        CONSTRAINT jobs_result CHECK ((result IS NOT NULL) = (status = 'SUCCEEDED')),
        CONSTRAINT jobs_failure CHECK (
          (failure_code IS NOT NULL) = (status = 'FAILED') AND (failure_detail IS NOT NULL) = (status = 'FAILED')
        )
      )`);
    // Few jobs are open at once; finding those that are overdue, or the oldest, must not read those that have ended.
    await runner.query('CREATE INDEX jobs_overdue ON jobs (expires_at) WHERE ended_at IS NULL');
    await runner.query('CREATE INDEX jobs_open ON jobs (created_at) WHERE ended_at IS NULL');
    await runner.query(`
      CREATE FUNCTION keep_job_monotonic() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF TG_OP = 'INSERT' THEN
          IF NEW.status <> 'PENDING' THEN
            RAISE EXCEPTION 'job % begins as %; a job begins as PENDING', NEW.id, NEW.status USING ERRCODE = 'check_violation';
          END IF;
          RETURN NEW;
        END IF;
        IF TG_OP = 'DELETE' THEN
          IF OLD.ended_at IS NULL OR OLD.ended_at > clock_timestamp() - interval '30 days' THEN
            RAISE EXCEPTION 'job % may be deleted only when 30 days have passed since its end', OLD.id USING ERRCODE = 'check_violation';
          END IF;
          RETURN OLD;
        END IF;
        IF OLD.ended_at IS NOT NULL THEN
          IF NEW IS DISTINCT FROM OLD THEN
            RAISE EXCEPTION 'job % has ended as % and cannot change', OLD.id, OLD.status USING ERRCODE = 'check_violation';
          END IF;
          RETURN NEW;
        END IF;
        IF (NEW.id, NEW.kind, NEW.owner, NEW.subject, NEW.correlation_id, NEW.created_at)
           IS DISTINCT FROM (OLD.id, OLD.kind, OLD.owner, OLD.subject, OLD.correlation_id, OLD.created_at) THEN
          RAISE EXCEPTION 'job %: what it is about cannot change', OLD.id USING ERRCODE = 'check_violation';
        END IF;
        IF OLD.status = 'RUNNING' AND (NEW.status = 'PENDING' OR NEW.started_at IS DISTINCT FROM OLD.started_at) THEN
          RAISE EXCEPTION 'job % is RUNNING and cannot go back', OLD.id USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
      END $$`);
    await runner.query(`
      CREATE TRIGGER jobs_monotonic BEFORE INSERT OR UPDATE OR DELETE ON jobs
      FOR EACH ROW EXECUTE FUNCTION keep_job_monotonic()`);
    // Also for sessions that switch ordinary triggers off (session_replication_role).
    await runner.query('ALTER TABLE jobs ENABLE ALWAYS TRIGGER jobs_monotonic');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE jobs');
    await runner.query('DROP FUNCTION keep_job_monotonic()');
  }
}
