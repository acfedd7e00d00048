-- The pipeline of the company statements: Bronze, Silver and Gold, three times. It is a pipeline of its own, because a
-- stream over a folder that is not there fails, and a lake of prices alone has none. The clauses are those of prices.sql.

-- Income statements

CREATE OR REFRESH STREAMING TABLE bronze_income (
  CONSTRAINT has_key EXPECT (symbol IS NOT NULL AND date IS NOT NULL AND period IS NOT NULL AND ingest_ts IS NOT NULL),
  CONSTRAINT nothing_rescued EXPECT (_rescued_data IS NULL)
)
CLUSTER BY (symbol, date)
COMMENT 'Income statements as stored, every version of every file'
AS SELECT
  date, symbol, reportedCurrency, cik, filingDate, acceptedDate, fiscalYear, period, revenue, costOfRevenue,
  grossProfit, researchAndDevelopmentExpenses, generalAndAdministrativeExpenses, sellingAndMarketingExpenses,
  sellingGeneralAndAdministrativeExpenses, otherExpenses, operatingExpenses, costAndExpenses, netInterestIncome,
  interestIncome, interestExpense, depreciationAndAmortization, ebitda, ebit, nonOperatingIncomeExcludingInterest,
  operatingIncome, totalOtherIncomeExpensesNet, incomeBeforeTax, incomeTaxExpense,
  netIncomeFromContinuingOperations, netIncomeFromDiscontinuedOperations, otherAdjustmentsToNetIncome, netIncome,
  netIncomeDeductions, bottomLineNetIncome, eps, epsDiluted, weightedAverageShsOut, weightedAverageShsOutDil,
  ingest_ts,
  _rescued_data,
  _metadata.file_path AS source_file,
  _metadata.file_modification_time AS source_mtime
FROM STREAM read_files(
  '${raw_root}/fundamentals/type=income/',
  format => 'parquet',
  partitionColumns => '',
  allowOverwrites => true,
  rescuedDataColumn => '_rescued_data',
  schema => '
    date DATE, symbol STRING, reportedCurrency STRING, cik STRING, filingDate DATE, acceptedDate TIMESTAMP,
    fiscalYear INT, period STRING, revenue DOUBLE, costOfRevenue DOUBLE, grossProfit DOUBLE,
    researchAndDevelopmentExpenses DOUBLE, generalAndAdministrativeExpenses DOUBLE,
    sellingAndMarketingExpenses DOUBLE, sellingGeneralAndAdministrativeExpenses DOUBLE, otherExpenses DOUBLE,
    operatingExpenses DOUBLE, costAndExpenses DOUBLE, netInterestIncome DOUBLE, interestIncome DOUBLE,
    interestExpense DOUBLE, depreciationAndAmortization DOUBLE, ebitda DOUBLE, ebit DOUBLE,
    nonOperatingIncomeExcludingInterest DOUBLE, operatingIncome DOUBLE, totalOtherIncomeExpensesNet DOUBLE,
    incomeBeforeTax DOUBLE, incomeTaxExpense DOUBLE, netIncomeFromContinuingOperations DOUBLE,
    netIncomeFromDiscontinuedOperations DOUBLE, otherAdjustmentsToNetIncome DOUBLE, netIncome DOUBLE,
    netIncomeDeductions DOUBLE, bottomLineNetIncome DOUBLE, eps DOUBLE, epsDiluted DOUBLE,
    weightedAverageShsOut DOUBLE, weightedAverageShsOutDil DOUBLE, ingest_ts TIMESTAMP'
);

CREATE OR REFRESH STREAMING TABLE checked_income (
  CONSTRAINT has_key EXPECT (symbol IS NOT NULL AND date IS NOT NULL AND period IS NOT NULL AND ingest_ts IS NOT NULL)
    ON VIOLATION DROP ROW,
  CONSTRAINT nothing_rescued EXPECT (_rescued_data IS NULL) ON VIOLATION DROP ROW
)
CLUSTER BY (symbol, date)
COMMENT 'The rows of bronze_income that Silver may take'
AS SELECT * FROM STREAM(bronze_income);

CREATE OR REFRESH STREAMING TABLE silver_income
CLUSTER BY (symbol, date)
COMMENT 'Income statements, one row per symbol, date and period'
TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true');

CREATE FLOW silver_income_flow AS AUTO CDC INTO silver_income
FROM STREAM(checked_income)
KEYS (symbol, date, period)
SEQUENCE BY STRUCT(ingest_ts, source_mtime)
COLUMNS * EXCEPT (_rescued_data, source_file, source_mtime)
STORED AS SCD TYPE 1;

-- As known at an instant: one row per filing, known from acceptedDate until the next filing of the same symbol, date and
-- period took its place. As of T: known_from <= T AND (known_until IS NULL OR known_until > T)
CREATE OR REFRESH MATERIALIZED VIEW income_as_of
COMMENT 'Income statements, one row per filing, with when it was known'
AS SELECT
  * EXCEPT (rn, _rescued_data, source_file, source_mtime),
  acceptedDate AS known_from,
  LEAD(acceptedDate) OVER (PARTITION BY symbol, date, period ORDER BY acceptedDate) AS known_until
FROM (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY symbol, date, period, acceptedDate ORDER BY ingest_ts DESC, source_mtime DESC) AS rn
  FROM checked_income
  WHERE symbol IS NOT NULL AND date IS NOT NULL AND period IS NOT NULL AND acceptedDate IS NOT NULL
) AS filings
WHERE rn = 1;

-- Balance sheets

CREATE OR REFRESH STREAMING TABLE bronze_balance (
  CONSTRAINT has_key EXPECT (symbol IS NOT NULL AND date IS NOT NULL AND period IS NOT NULL AND ingest_ts IS NOT NULL),
  CONSTRAINT nothing_rescued EXPECT (_rescued_data IS NULL)
)
CLUSTER BY (symbol, date)
COMMENT 'Balance sheets as stored, every version of every file'
AS SELECT
  date, symbol, reportedCurrency, cik, filingDate, acceptedDate, fiscalYear, period, cashAndCashEquivalents,
  shortTermInvestments, cashAndShortTermInvestments, netReceivables, accountsReceivables, otherReceivables,
  inventory, prepaids, otherCurrentAssets, totalCurrentAssets, propertyPlantEquipmentNet, goodwill,
  intangibleAssets, goodwillAndIntangibleAssets, longTermInvestments, taxAssets, otherNonCurrentAssets,
  totalNonCurrentAssets, otherAssets, totalAssets, totalPayables, accountPayables, otherPayables, accruedExpenses,
  shortTermDebt, capitalLeaseObligationsCurrent, taxPayables, deferredRevenue, otherCurrentLiabilities,
  totalCurrentLiabilities, longTermDebt, capitalLeaseObligationsNonCurrent, deferredRevenueNonCurrent,
  deferredTaxLiabilitiesNonCurrent, otherNonCurrentLiabilities, totalNonCurrentLiabilities, otherLiabilities,
  capitalLeaseObligations, totalLiabilities, treasuryStock, preferredStock, commonStock, retainedEarnings,
  additionalPaidInCapital, accumulatedOtherComprehensiveIncomeLoss, otherTotalStockholdersEquity,
  totalStockholdersEquity, totalEquity, minorityInterest, totalLiabilitiesAndTotalEquity, totalInvestments,
  totalDebt, netDebt, ingest_ts,
  _rescued_data,
  _metadata.file_path AS source_file,
  _metadata.file_modification_time AS source_mtime
FROM STREAM read_files(
  '${raw_root}/fundamentals/type=balance/',
  format => 'parquet',
  partitionColumns => '',
  allowOverwrites => true,
  rescuedDataColumn => '_rescued_data',
  schema => '
    date DATE, symbol STRING, reportedCurrency STRING, cik STRING, filingDate DATE, acceptedDate TIMESTAMP,
    fiscalYear INT, period STRING, cashAndCashEquivalents DOUBLE, shortTermInvestments DOUBLE,
    cashAndShortTermInvestments DOUBLE, netReceivables DOUBLE, accountsReceivables DOUBLE,
    otherReceivables DOUBLE, inventory DOUBLE, prepaids DOUBLE, otherCurrentAssets DOUBLE,
    totalCurrentAssets DOUBLE, propertyPlantEquipmentNet DOUBLE, goodwill DOUBLE, intangibleAssets DOUBLE,
    goodwillAndIntangibleAssets DOUBLE, longTermInvestments DOUBLE, taxAssets DOUBLE,
    otherNonCurrentAssets DOUBLE, totalNonCurrentAssets DOUBLE, otherAssets DOUBLE, totalAssets DOUBLE,
    totalPayables DOUBLE, accountPayables DOUBLE, otherPayables DOUBLE, accruedExpenses DOUBLE,
    shortTermDebt DOUBLE, capitalLeaseObligationsCurrent DOUBLE, taxPayables DOUBLE, deferredRevenue DOUBLE,
    otherCurrentLiabilities DOUBLE, totalCurrentLiabilities DOUBLE, longTermDebt DOUBLE,
    capitalLeaseObligationsNonCurrent DOUBLE, deferredRevenueNonCurrent DOUBLE,
    deferredTaxLiabilitiesNonCurrent DOUBLE, otherNonCurrentLiabilities DOUBLE,
    totalNonCurrentLiabilities DOUBLE, otherLiabilities DOUBLE, capitalLeaseObligations DOUBLE,
    totalLiabilities DOUBLE, treasuryStock DOUBLE, preferredStock DOUBLE, commonStock DOUBLE,
    retainedEarnings DOUBLE, additionalPaidInCapital DOUBLE, accumulatedOtherComprehensiveIncomeLoss DOUBLE,
    otherTotalStockholdersEquity DOUBLE, totalStockholdersEquity DOUBLE, totalEquity DOUBLE,
    minorityInterest DOUBLE, totalLiabilitiesAndTotalEquity DOUBLE, totalInvestments DOUBLE, totalDebt DOUBLE,
    netDebt DOUBLE, ingest_ts TIMESTAMP'
);

CREATE OR REFRESH STREAMING TABLE checked_balance (
  CONSTRAINT has_key EXPECT (symbol IS NOT NULL AND date IS NOT NULL AND period IS NOT NULL AND ingest_ts IS NOT NULL)
    ON VIOLATION DROP ROW,
  CONSTRAINT nothing_rescued EXPECT (_rescued_data IS NULL) ON VIOLATION DROP ROW
)
CLUSTER BY (symbol, date)
COMMENT 'The rows of bronze_balance that Silver may take'
AS SELECT * FROM STREAM(bronze_balance);

CREATE OR REFRESH STREAMING TABLE silver_balance
CLUSTER BY (symbol, date)
COMMENT 'Balance sheets, one row per symbol, date and period'
TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true');

CREATE FLOW silver_balance_flow AS AUTO CDC INTO silver_balance
FROM STREAM(checked_balance)
KEYS (symbol, date, period)
SEQUENCE BY STRUCT(ingest_ts, source_mtime)
COLUMNS * EXCEPT (_rescued_data, source_file, source_mtime)
STORED AS SCD TYPE 1;

-- As known at an instant: one row per filing, known from acceptedDate until the next filing of the same symbol, date and
-- period took its place. As of T: known_from <= T AND (known_until IS NULL OR known_until > T)
CREATE OR REFRESH MATERIALIZED VIEW balance_as_of
COMMENT 'Balance sheets, one row per filing, with when it was known'
AS SELECT
  * EXCEPT (rn, _rescued_data, source_file, source_mtime),
  acceptedDate AS known_from,
  LEAD(acceptedDate) OVER (PARTITION BY symbol, date, period ORDER BY acceptedDate) AS known_until
FROM (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY symbol, date, period, acceptedDate ORDER BY ingest_ts DESC, source_mtime DESC) AS rn
  FROM checked_balance
  WHERE symbol IS NOT NULL AND date IS NOT NULL AND period IS NOT NULL AND acceptedDate IS NOT NULL
) AS filings
WHERE rn = 1;

-- Cash flow statements

CREATE OR REFRESH STREAMING TABLE bronze_cashflow (
  CONSTRAINT has_key EXPECT (symbol IS NOT NULL AND date IS NOT NULL AND period IS NOT NULL AND ingest_ts IS NOT NULL),
  CONSTRAINT nothing_rescued EXPECT (_rescued_data IS NULL)
)
CLUSTER BY (symbol, date)
COMMENT 'Cash flow statements as stored, every version of every file'
AS SELECT
  date, symbol, reportedCurrency, cik, filingDate, acceptedDate, fiscalYear, period, netIncome,
  depreciationAndAmortization, deferredIncomeTax, stockBasedCompensation, changeInWorkingCapital,
  accountsReceivables, inventory, accountsPayables, otherWorkingCapital, otherNonCashItems,
  netCashProvidedByOperatingActivities, investmentsInPropertyPlantAndEquipment, acquisitionsNet,
  purchasesOfInvestments, salesMaturitiesOfInvestments, otherInvestingActivities,
  netCashProvidedByInvestingActivities, netDebtIssuance, longTermNetDebtIssuance, shortTermNetDebtIssuance,
  netStockIssuance, netCommonStockIssuance, commonStockIssuance, commonStockRepurchased, netPreferredStockIssuance,
  netDividendsPaid, commonDividendsPaid, preferredDividendsPaid, otherFinancingActivities,
  netCashProvidedByFinancingActivities, effectOfForexChangesOnCash, netChangeInCash, cashAtEndOfPeriod,
  cashAtBeginningOfPeriod, operatingCashFlow, capitalExpenditure, freeCashFlow, incomeTaxesPaid, interestPaid,
  ingest_ts,
  _rescued_data,
  _metadata.file_path AS source_file,
  _metadata.file_modification_time AS source_mtime
FROM STREAM read_files(
  '${raw_root}/fundamentals/type=cashflow/',
  format => 'parquet',
  partitionColumns => '',
  allowOverwrites => true,
  rescuedDataColumn => '_rescued_data',
  schema => '
    date DATE, symbol STRING, reportedCurrency STRING, cik STRING, filingDate DATE, acceptedDate TIMESTAMP,
    fiscalYear INT, period STRING, netIncome DOUBLE, depreciationAndAmortization DOUBLE,
    deferredIncomeTax DOUBLE, stockBasedCompensation DOUBLE, changeInWorkingCapital DOUBLE,
    accountsReceivables DOUBLE, inventory DOUBLE, accountsPayables DOUBLE, otherWorkingCapital DOUBLE,
    otherNonCashItems DOUBLE, netCashProvidedByOperatingActivities DOUBLE,
    investmentsInPropertyPlantAndEquipment DOUBLE, acquisitionsNet DOUBLE, purchasesOfInvestments DOUBLE,
    salesMaturitiesOfInvestments DOUBLE, otherInvestingActivities DOUBLE,
    netCashProvidedByInvestingActivities DOUBLE, netDebtIssuance DOUBLE, longTermNetDebtIssuance DOUBLE,
    shortTermNetDebtIssuance DOUBLE, netStockIssuance DOUBLE, netCommonStockIssuance DOUBLE,
    commonStockIssuance DOUBLE, commonStockRepurchased DOUBLE, netPreferredStockIssuance DOUBLE,
    netDividendsPaid DOUBLE, commonDividendsPaid DOUBLE, preferredDividendsPaid DOUBLE,
    otherFinancingActivities DOUBLE, netCashProvidedByFinancingActivities DOUBLE,
    effectOfForexChangesOnCash DOUBLE, netChangeInCash DOUBLE, cashAtEndOfPeriod DOUBLE,
    cashAtBeginningOfPeriod DOUBLE, operatingCashFlow DOUBLE, capitalExpenditure DOUBLE, freeCashFlow DOUBLE,
    incomeTaxesPaid DOUBLE, interestPaid DOUBLE, ingest_ts TIMESTAMP'
);

CREATE OR REFRESH STREAMING TABLE checked_cashflow (
  CONSTRAINT has_key EXPECT (symbol IS NOT NULL AND date IS NOT NULL AND period IS NOT NULL AND ingest_ts IS NOT NULL)
    ON VIOLATION DROP ROW,
  CONSTRAINT nothing_rescued EXPECT (_rescued_data IS NULL) ON VIOLATION DROP ROW
)
CLUSTER BY (symbol, date)
COMMENT 'The rows of bronze_cashflow that Silver may take'
AS SELECT * FROM STREAM(bronze_cashflow);

CREATE OR REFRESH STREAMING TABLE silver_cashflow
CLUSTER BY (symbol, date)
COMMENT 'Cash flow statements, one row per symbol, date and period'
TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true');

CREATE FLOW silver_cashflow_flow AS AUTO CDC INTO silver_cashflow
FROM STREAM(checked_cashflow)
KEYS (symbol, date, period)
SEQUENCE BY STRUCT(ingest_ts, source_mtime)
COLUMNS * EXCEPT (_rescued_data, source_file, source_mtime)
STORED AS SCD TYPE 1;

-- As known at an instant: one row per filing, known from acceptedDate until the next filing of the same symbol, date and
-- period took its place. As of T: known_from <= T AND (known_until IS NULL OR known_until > T)
CREATE OR REFRESH MATERIALIZED VIEW cashflow_as_of
COMMENT 'Cash flow statements, one row per filing, with when it was known'
AS SELECT
  * EXCEPT (rn, _rescued_data, source_file, source_mtime),
  acceptedDate AS known_from,
  LEAD(acceptedDate) OVER (PARTITION BY symbol, date, period ORDER BY acceptedDate) AS known_until
FROM (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY symbol, date, period, acceptedDate ORDER BY ingest_ts DESC, source_mtime DESC) AS rn
  FROM checked_cashflow
  WHERE symbol IS NOT NULL AND date IS NOT NULL AND period IS NOT NULL AND acceptedDate IS NOT NULL
) AS filings
WHERE rn = 1;
